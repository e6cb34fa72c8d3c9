import { readFileSync } from 'fs';
import helper from './helper.js';
export const meta = import.meta.url;
export const same = helper.file;
export default typeof readFileSync;
