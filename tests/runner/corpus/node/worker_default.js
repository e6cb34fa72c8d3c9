const { Worker, isMainThread, parentPort, workerData, threadId } = require('worker_threads');
if (isMainThread) {
  console.log(threadId, process.execArgv);
  const worker = new Worker(__filename, { workerData: { a: 1 } });
  worker.on('message', (message) => console.log('main got', message));
  worker.on('exit', (code) => console.log('worker exit', code));
} else {
  parentPort.postMessage({ workerData, threadId, env: process.env, execArgv: process.execArgv, argv: process.argv, cache: Object.keys(require.cache),
    paths: module.constructor._pathCache, main: require.main === module, modules: process.moduleLoadList.filter((name) => !/binding|internal/i.test(name)) });
  process.exit(4);
}
