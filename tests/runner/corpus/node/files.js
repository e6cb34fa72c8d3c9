const fs = require('fs');
const input = JSON.parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE));
fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify({ input, same: process.env.SANDBOX_INPUT }));
fs.mkdirSync(process.env.SANDBOX_FILES_DIR + 'a/b', { recursive: true });
fs.writeFileSync(process.env.SANDBOX_FILES_DIR + 'a/b/c.bin', Buffer.alloc(100000, 7));
for (const path of ['/sandbox/x', '/sandbox/scripts/x', '/usr/x', '/sandbox/input.json'])
  try {
    fs.writeFileSync(path, 'x');
    console.log(path, 'written');
  } catch (error) {
    console.log(error.code, error.message);
  }
console.log(fs.readdirSync('/sandbox'), fs.readdirSync('/tmp'), fs.readdirSync('/dev/shm'));
