const crypto = require('crypto');
console.log(crypto.createHash('sha256').update('x').digest('hex'), crypto.randomBytes(8).length, crypto.getFips(), crypto.constants.defaultCoreCipherList);
console.log(require('zlib').gzipSync('x').length, require('os').tmpdir(), new URL('http://x/?a=1').searchParams, require('util').inspect(new Map([[1, 2]])));
console.log(typeof fetch, structuredClone({ a: [1] }), require('perf_hooks').performance.getEntries());
