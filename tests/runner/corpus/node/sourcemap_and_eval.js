console.log(eval('1 + 1'), new Function('return this === globalThis')(), require('vm').runInNewContext('typeof process'));
eval('throw new Error("in eval")\n//# sourceURL=made-up.js');
