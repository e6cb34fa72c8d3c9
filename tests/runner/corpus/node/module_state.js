console.log(module, require.main === module, __filename, __dirname, Object.keys(require.cache), require.resolve.paths('x'));
console.log(module.constructor._pathCache, module.constructor._cache === require.cache, Object.keys(module.constructor).sort(), module.parent,
  process.mainModule === module, module.constructor.globalPaths, Object.keys(require.extensions));
console.log(this === exports, arguments.length, typeof globalThis, Object.getOwnPropertyNames(globalThis).sort().join());
