process.env.NEW = 1;
delete process.env.LANG;
process.env.HOME = '/nowhere';
console.log(Object.keys(process.env).sort(), require('os').homedir());
console.log(require('child_process').execFileSync('/usr/bin/env').toString().split('\n').sort());
