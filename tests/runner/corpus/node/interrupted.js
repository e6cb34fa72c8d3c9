process.kill(process.pid, 'SIGINT');
setTimeout(() => {}, 10000);
