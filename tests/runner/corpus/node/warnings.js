process.emitWarning('by hand', { code: 'MINE', detail: 'more' });
new Buffer(5);
const emitter = new (require('events'))();
for (let i = 0; i < 11; i++) emitter.on('x', () => {});
