"use strict";
const fs = require("fs");

const input = JSON.parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE, "utf8"));
const name = typeof input.name === "string" && input.name ? input.name : "world";
console.log(`greeting ${name} with Node.js ${process.version}`);
fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify({ greeting: `Hello, ${name}!` }));
