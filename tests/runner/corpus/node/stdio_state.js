for (const stream of [process.stdout, process.stderr])
  console.log(stream.constructor.name, stream.fd, stream.isTTY, stream.writableHighWaterMark, stream._type, stream.columns, stream.hasColors);
console.error('to stderr %s %d %j', 'a', 1, { b: 2 });
console.table([{ a: 1 }]);
