const helper = require('./helper');
const data = require('./data.json');
const pkg = require('pkg');
console.log(helper, data, pkg, Object.keys(require.cache), module.children.map((child) => child.id), require.resolve('pkg'));
console.log(require('./helper') === helper, require('./folder'));
import('./module.mjs').then((got) => console.log(got, got.meta));
