if (process.argv[2]) {
  process.send({ argv: process.argv, execArgv: process.execArgv, env: process.env.SANDBOX_EXECUTION_ID, options: process.env.NODE_OPTIONS });
} else {
  const child = require('child_process').fork(__filename, ['child']);
  child.on('message', (message) => console.log('got', message));
  child.on('exit', (code, signal) => console.log('exit', code, signal));
}
