const net = require('net');
net.connect(80, '127.0.0.1').on('error', (error) => console.log(error.code, error.syscall));
try {
  process.kill(1, 'SIGKILL');
} catch (error) {
  console.log(error.code, error.syscall);
}
