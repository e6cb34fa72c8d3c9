const { Worker, SHARE_ENV } = require('worker_threads');
process.env.NODE_OPTIONS = '--no-warnings';
const source = 'process.env.SET = "by worker"; console.log(Object.keys(process.env).sort(), process.execArgv)';
new Worker(source, { eval: true, env: SHARE_ENV }).on('exit', (code) => {
  console.log(code, process.env.SET);
  new Worker('console.log(process.env)', { eval: true, env: { ONLY: 'this' }, execArgv: ['--no-warnings'] });
});
