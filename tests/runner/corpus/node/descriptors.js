const fs = require('fs');
console.log(fs.readdirSync('/proc/self/fd').sort(), fs.openSync('/etc/passwd'), fs.openSync('/etc/passwd'));
for (const fd of [0, 1, 2]) console.log(fs.fstatSync(fd).isFIFO(), fs.readlinkSync(`/proc/self/fd/${fd}`).split(':')[0]);
console.log(fs.readFileSync('/proc/self/cmdline').toString().split('\0'), fs.readFileSync('/proc/self/comm').toString());
for (const line of fs.readFileSync('/proc/self/status').toString().split('\n'))
  if (/^(Uid|Groups|Threads|Sig|Shd|Cap|NoNewPrivs|Seccomp)/.test(line)) console.log(line);
