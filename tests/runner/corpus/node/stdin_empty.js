process.stdin.on('data', (data) => console.log('data', data)).on('end', () => console.log('end'));
console.log(process.stdin.constructor.name, process.stdin.fd, process.stdin.isTTY, require('fs').readFileSync(0).length);
