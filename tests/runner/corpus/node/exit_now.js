process.on('exit', (code) => console.log('exit', code, process.exitCode));
process.on('beforeExit', () => console.log('never'));
process.exit(5);
