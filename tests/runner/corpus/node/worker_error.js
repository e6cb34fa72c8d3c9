const { Worker } = require('worker_threads');
new Worker('function f() { throw new Error("in the worker") }\nf()', { eval: true });
