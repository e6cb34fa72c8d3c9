const fs = require("fs"), os = require("os"), path = require("path"), { spawnSync } = require("child_process");
console.log(__filename, __dirname, require.main === module, require.resolve("./tool.js"), process.argv[1], require.main.filename);
console.log(require("./tool.js")(), require("pkg"), os.tmpdir(), os.homedir(), process.cwd());
const made = fs.mkdtempSync(path.join(os.tmpdir(), "x-"));
fs.writeFileSync(made + "/a", "1");
fs.cpSync(made, process.env.SANDBOX_FILES_DIR + "tree", { recursive: true });
try { fs.renameSync(made + "/a", process.env.SANDBOX_FILES_DIR + "a"); console.log("renamed across"); } catch (e) { console.log(e.code); }
fs.rmSync(made, { recursive: true });
console.log(spawnSync(path.join(__dirname, "bin/tool"), ["x"]).stdout.toString().trim());
console.log(fs.readdirSync("/tmp"), fs.realpathSync("/sandbox/out/files"), fs.statSync("/sandbox/scripts/bin/tool").mode & 0o111);
try { fs.writeFileSync(__filename, "x"); } catch (e) { console.log(e.path, e.syscall); }
try { require("./broken.js"); } catch (e) { console.log(e.stack.split("\n").slice(0, 2)); }
