const hooks = require('async_hooks');
console.log(hooks.executionAsyncId(), hooks.triggerAsyncId(), hooks.executionAsyncResource());
const storage = new hooks.AsyncLocalStorage();
storage.run(1, () => setTimeout(() => console.log(storage.getStore(), hooks.executionAsyncId()), 1));
