const { readFile, readdir } = require('fs/promises');
(async () => {
  console.log((await readFile(__filename)).length, await readdir(__dirname));
  await readFile('/missing');
})();
