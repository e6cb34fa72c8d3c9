import nothing from './missing.js';
