// Runs before the script in every node that the runner starts (runner/cell/park.h), by NODE_OPTIONS=--require. One that is
// parked waits here until the script is there; then node itself goes on to load the script that its command line has named
// all along. Worker threads require this file too; there is nothing to wait for there: the variables are gone.
'use strict';

function receive(fs, channel, size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const n = fs.readSync(channel, bytes, at, size - at, null);
    if (n === 0) throw new Error('the runner is gone');
    at += n;
  }
  return bytes;
}

function wait(channel, names) {
  const fs = require('fs');
  const load = module.constructor.createRequire(process.argv[1]);  // as the script would: its node_modules come first
  for (const name of names.split(',').filter(Boolean)) {
    try {
      load(name);
    } catch (error) {
      fs.writeSync(2, `skillbox: preload ${name}: ${String(error).split('\n', 1)[0]}\n`);
    }
  }
  fs.writeSync(channel, '\0');
  const size = receive(fs, channel, 4).readUInt32BE(0);
  const entries = receive(fs, channel, size).toString().split('\0').slice(0, -1);
  fs.closeSync(channel);
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const entry of entries) {
    const at = entry.indexOf('=');
    process.env[entry.slice(0, at)] = entry.slice(at + 1);
  }
}

// A sandbox has no network, so os.networkInterfaces() is {}. By itself node would throw: it asks over a socket that can't be
// made, and takes no answer for "none". The module takes its function from here when it is loaded, and is not loaded for it.
function listNoInterfaces() {
  if (typeof process.binding !== 'function') return;
  const loaded = process.moduleLoadList.length;
  const quiet = Object.getOwnPropertyDescriptor(process, 'noDeprecation');
  process.noDeprecation = true;
  process.binding('os').getInterfaceAddresses = () => [];
  if (quiet === undefined) delete process.noDeprecation;
  else Object.defineProperty(process, 'noDeprecation', quiet);
  process.moduleLoadList.length = loaded;
}

listNoInterfaces();
if (process.env.NODE_OPTIONS === `--require=${__filename}`) delete process.env.NODE_OPTIONS;
if (process.env.SKILLBOX_CHANNEL !== undefined) {
  const channel = Number(process.env.SKILLBOX_CHANNEL);
  const names = process.env.SKILLBOX_PRELOAD;
  for (const name of ['SKILLBOX_CHANNEL', 'SKILLBOX_PRELOAD']) delete process.env[name];
  wait(channel, names);
}
const cache = module.constructor._pathCache;
for (const key of Object.keys(cache)) if (cache[key] === __filename) delete cache[key];
delete require.cache[__filename];
