for (const name of ['argv', 'argv0', 'execArgv', 'execPath', 'title', 'version', 'exitCode', 'config', 'features', 'debugPort', 'platform',
  'release', 'versions', 'allowedNodeEnvironmentFlags', 'sourceMapsEnabled', 'report', 'domain', '_exiting', 'connected', 'channel'])
  console.log(name, process[name]);
console.log(process.moduleLoadList.join('\n'));
console.log(process.cwd(), process.umask(), process.getuid(), process.getgroups(), process.ppid, process.getActiveResourcesInfo(),
  process.eventNames(), process.getMaxListeners(), Object.getOwnPropertyNames(process).sort().join());
