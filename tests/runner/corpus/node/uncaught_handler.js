process.on('uncaughtException', (error, origin) => console.log(origin, error.stack));
setTimeout(() => console.log('goes on'), 1);
throw new Error('caught after all');
