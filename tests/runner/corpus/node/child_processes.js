const { execSync, spawnSync } = require('child_process');
console.log(execSync('echo $HOME; ls /sandbox/scripts').toString(), spawnSync(process.execPath, ['-p', 'process.execArgv']).stdout.toString());
console.log(spawnSync('sh', ['-c', 'exit 3']).status, spawnSync('no-such-program').error.code);
