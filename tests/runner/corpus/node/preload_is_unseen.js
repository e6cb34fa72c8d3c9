const { Module } = require('module');
console.log(Module._cache, Object.keys(Module._pathCache), require('fs').existsSync('/sandbox/scripts/main.js'));
console.log(require('v8').getHeapStatistics().heap_size_limit > 0, process.binding ? 'binding' : 'none');
