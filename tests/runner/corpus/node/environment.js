console.log(process.env, Object.keys(process.env));
console.log(require('child_process').execFileSync('/usr/bin/env').toString());
console.log(process.env.NODE_OPTIONS, process.env.SKILLBOX_CHANNEL, 'PATH' in process.env, process.env.EMPTY === '');
