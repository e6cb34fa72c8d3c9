process.on('SIGTERM', (name, number) => {
  console.log(name, number);
  process.exit(0);
});
setInterval(() => {}, 1000);
process.kill(process.pid, 'SIGTERM');
