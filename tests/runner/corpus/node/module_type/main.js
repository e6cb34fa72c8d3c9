import { value } from './other.js';
import { createRequire } from 'module';
console.log(value, import.meta.url, typeof require, typeof module, this);
console.log(await Promise.resolve('top level await'), createRequire(import.meta.url)('./package.json'));
throw new Error('from a module');
