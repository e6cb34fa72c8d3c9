// What vectors can't say: arguments, signals, timeouts, JSON as text, event streams, archives and folders of every kind.
// tests/sdk/test_typescript.py runs it by `node --test`.

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import zlib from "node:zlib";

import * as skillbox from "../../../sdks/typescript/skillbox.js";

const { Client, APIConnectionError, APITimeoutError, ArchiveError, RawJSON, RunResult, SkillFailed } = skillbox;
const { tuning, pieces, tarFiles, unpack, Events, markOf, retryAfterOf, crc32 } = skillbox._internal;
const KEY = `sk-${"0123456789abcdef".repeat(3)}`;
const ID = "0b8f4c7e-6a1d-4a5e-9c3b-2f7d8e9a1b2c";
const RUN = `{"execution_id":"${ID}","status":"success","error":null}`;
const LIMITS = { maxSize: 2 ** 30, maxFiles: 1000, isWindows: false };
const NORMAL = { ...tuning };

let scratch;

const TEMPORARY = os.tmpdir();

beforeEach(() => {
	delete process.env.SKILLBOX_SERVER_URL;
	delete process.env.SKILLBOX_API_KEY;
	process.env.TMPDIR = TEMPORARY;
	scratch = fs.mkdtempSync(path.join(TEMPORARY, "skillbox-test-"));
	Object.assign(tuning, NORMAL, { backoff: 10 });
});

afterEach(() => fs.rmSync(scratch, { recursive: true }));

/** A client whose requests go to a function: request => Response, Error, or a promise of one. */
function clientOf(answer, options = {}) {
	const seen = [];
	const fetch = async (url, init) => {
		seen.push({ url, ...init });
		const given = await answer(seen[seen.length - 1], seen.length);
		if (given instanceof Error) {
			throw given;
		}
		return given;
	};
	return { seen, client: new Client("http://server", KEY, { fetch, ...options }) };
}

const json = (text, status = 200) => new Response(text, { status, headers: { "Content-Type": "application/json" } });
const lost = (code = "ECONNRESET", socket = undefined) => new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code, socket }) });
const never = (init) => new Promise((_, reject) => {
	init.signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
});

async function rejected(promise, Kind, words = "") {
	const error = await promise.then(() => assert.fail("it succeeded"), (one) => one);
	assert(error instanceof Kind, error?.stack);
	assert(String(error).includes(words), `'${words}' is not in ${error}`);
	return error;
}

async function collect(source) {
	const all = [];
	for await (const one of source) {
		all.push(one);
	}
	return all;
}

// ---- how a client is made

test("server and key from the environment, the default server, a path", async () => {
	assert.equal(new Client().baseUrl, "http://localhost:8080");
	process.env.SKILLBOX_SERVER_URL = "http://elsewhere:1/x/";
	process.env.SKILLBOX_API_KEY = ` ${KEY}\n`;
	const seen = [];
	const fetch = async (url, init) => seen.push([url, init.headers.Authorization]) && json("[]");
	await new Client(undefined, undefined, { fetch }).listSkills();
	await new Client("https://other/", "sk-other", { fetch }).listSkills();
	assert.deepEqual(seen, [["http://elsewhere:1/x/v1/skills", `Bearer ${KEY}`], ["https://other/v1/skills", "Bearer sk-other"]]);
});

test("without a key none is sent, and health never sends it", async () => {
	const seen = [];
	const fetch = async (_, init) => seen.push(Object.keys(init.headers)) && json('{"status":"ok"}');
	await new Client("http://x", "", { fetch }).getSkill("a").catch(() => {});
	assert.deepEqual(await new Client("http://x", KEY, { tenantId: "t", fetch }).health(), { status: "ok" });
	assert(!seen.flat().includes("Authorization") && !seen.flat().includes("X-Tenant-ID"));
});

test("what can't be says why, and never shows a key", () => {
	const wrong = [
		[["localhost:8080"], "http://"], [["ftp://x"], "http://"], [["http://"], "a host"], [["http://u:secret@x"], "no user"],
		[["http://x?y=1"], "no user, query"], [["http://x/#y"], "fragment"], [[{ baseUrl: "http://x" }], "new Client(url, key"],
		[[5], "must be a string, not number"], [["http://x", "sk-a\r\nX: y"], "API key"], [["http://x", "sk-é"], "API key"],
		[["http://x", "", { tenantId: "a b" }], "tenantId"], [["http://x", "", { timeout: 0 }], "timeout must be a number of milliseconds"],
		[["http://x", "", { timeout: "5s" }], "'5s'"], [["http://x", "", { timeout: NaN }], "NaN"], [["http://x", "", { maxRetries: -1 }], "maxRetries"],
		[["http://x", "", { maxRetries: 1.5 }], "1.5"], [["http://x", "", { fetch: 1 }], "fetch must be a function"],
		[["http://x", "", { tenant: "a" }], "unknown option 'tenant'; there are tenantId"], [["http://x", "", "t"], "must be an object, not string"],
	];
	for (const [given, words] of wrong) {
		assert.throws(() => new Client(...given), (error) => {
			assert(error instanceof TypeError || error instanceof RangeError);
			assert(error.message.includes(words), `${error.message} lacks ${words}`);
			assert(!/secret|sk-a|sk-é/.test(error.message));
			return true;
		});
	}
	assert(!JSON.stringify(new Client("http://x", KEY)).includes(KEY));
});

test("wrong arguments are told before anything is sent", async () => {
	const { client, seen } = clientOf(() => json(RUN));
	const wrong = [
		[client.run(""), "empty"], [client.run(), "undefined"], [client.run("x", { name: "World" }), "goes into {input: ...}"],
		[client.run("x", "World"), "{input: ...}"], [client.run("x", { input: NaN }), "NaN"], [client.run("x", { input: { a: [Infinity] } }), "Infinity"],
		[client.run("x", { input: { n: 12345678901234567890n } }), "RawJSON"], [client.run("x", { input: () => 1 }), "function"],
		[client.run("x", { input: { a: new RawJSON("1") } }), "the whole value"], [client.run("x", { timeout: 0 }), "timeout"],
		[client.run("x", { idempotencyKey: "a b" }), "idempotencyKey"], [client.run("x", { idempotencyKey: "k".repeat(129) }), "128"],
		[client.run("x", { runTimeout: -1 }), "runTimeout"], [client.run("x", { onLog: "log" }), "onLog"], [client.run("x", { signal: 1 }), "AbortSignal"],
		[client.submit("x", { onLog: () => 1 }), "unknown option 'onLog'"], [client.getExecution(""), "executionId"], [client.getExecution(".."), "'..'"],
		[client.getExecution(null), "null"], [client.getExecution("\ud800"), "surrogate"], [client.getSkill("."), "name"],
		[client.deleteSkill("x", ""), "latest"], [client.cancel(".."), "executionId"], [collect(client.iterLogs("")), "executionId"],
		[collect(client.listExecutions({ limit: 0 })), "limit"], [client.registerSkill(5), "a folder or a zip"], [client.downloadFiles({}, "x"), "result"],
		[client.downloadFiles(new RunResult(ID, "success"), ""), "empty"], [client.downloadFiles(new RunResult(ID, "success"), "x", { maxFiles: 0 }), "maxFiles"],
	];
	for (const [promise, words] of wrong) {
		const error = await rejected(promise, Error, words);
		assert(error instanceof TypeError || error instanceof RangeError, error.stack);
	}
	assert.throws(() => new RawJSON("{"), SyntaxError);
	assert.throws(() => new RawJSON({}), TypeError);
	await rejected(client.registerSkill(path.join(scratch, "none")), Error, "ENOENT");
	assert.equal(seen.length, 0);
});

// ---- errors, retries, time

test("errors show what there is", () => {
	const error = new skillbox.RateLimitError(429, "no_capacity", "later", { requestId: "r", retryAfter: 2.5 });
	assert.equal(String(error), "RateLimitError: later (429 no_capacity, request r)");
	assert.deepEqual([error.message, error.retryAfter, error.stack.startsWith("RateLimitError: later\n")], ["later", 2.5, true]);
	assert.equal(new skillbox.APIError(404, "not_found", "none").message, "none");
	for (const Kind of [APIConnectionError, APITimeoutError, ArchiveError]) {
		assert.deepEqual([new Kind("m").name, new Kind("m") instanceof skillbox.SkillboxError], [Kind.name, true]);
	}
	assert(new APITimeoutError("m") instanceof APIConnectionError);
});

test("raiseForStatus", () => {
	for (const status of ["success", "pending", "running"]) {
		const result = new RunResult("id", status);
		assert.equal(result.raiseForStatus(), result);
	}
	for (const status of ["failed", "timeout", "cancelled"]) {
		const result = Object.assign(new RunResult("id", status), { error: "why", errorCode: "exit_nonzero" });
		assert.throws(() => result.raiseForStatus(), (error) => error instanceof SkillFailed && error.result === result &&
			error.message === "execution id: why (exit_nonzero)");
	}
});

test("an error of a run has the key to ask again with", async () => {
	const { client } = clientOf(() => json('{"error":"internal_error","message":"m","request_id":"r"}', 500));
	assert.equal((await rejected(client.run("x", { idempotencyKey: "mine" }), skillbox.ServerError)).idempotencyKey, "mine");
	assert.match((await rejected(client.submit("x"), skillbox.ServerError)).idempotencyKey, /^[0-9a-f]{32}$/);
});

test("one key for all attempts, and another for the next call", async () => {
	const { client, seen } = clientOf((_, count) => count < 3 ? lost() : json(RUN));
	await client.run("x");
	await client.run("x");
	const keys = seen.map((request) => request.headers["Idempotency-Key"]);
	assert(keys.length === 4 && keys[0] === keys[1] && keys[1] === keys[2] && keys[2] !== keys[3]);
});

test("a kept connection that was closed is no failure, once", async () => {
	let fails = 0;
	const { client, seen } = clientOf(() => fails-- > 0 ? lost("UND_ERR_SOCKET", { bytesRead: 100 }) : json(RUN), { maxRetries: 0 });
	await client.run("x");
	fails = 1;
	await client.run("x");
	assert.equal(seen.length, 3);
	fails = 2;
	await rejected(client.run("x"), APIConnectionError, "cut");
	assert.equal(seen.length, 5);
	const fresh = clientOf(() => lost("UND_ERR_SOCKET", { bytesRead: 0 }), { maxRetries: 0 });
	await rejected(fresh.client.run("x"), APIConnectionError, "cut");
	assert.equal(fresh.seen.length, 1);
});

test("a certificate that isn't trusted is not tried again", async () => {
	const { client, seen } = clientOf(() => lost("DEPTH_ZERO_SELF_SIGNED_CERT"));
	await rejected(client.health(), APIConnectionError, "DEPTH_ZERO");
	assert.equal(seen.length, 1);
});

test("nobody is there", async () => {
	const server = http.createServer().listen(0, "127.0.0.1");
	await new Promise((resolve) => server.once("listening", resolve));
	const { port } = server.address();
	await new Promise((resolve) => server.close(resolve));
	const error = await rejected(new Client(`http://127.0.0.1:${port}`, "", { maxRetries: 1 }).health(), APIConnectionError, "ECONNREFUSED");
	assert(!(error instanceof APITimeoutError) && error.cause instanceof TypeError);
	assert(error.message.startsWith(`GET http://127.0.0.1:${port}/health: `));
});

test("a run that is silent for long is asked about instead", async () => {
	tuning.runSilence = 30;
	const pending = RUN.replace("success", "running");
	const { client, seen } = clientOf((init, count) => count === 1 ? never(init) : json(count === 2 ? pending : RUN), { maxRetries: 0 });
	assert.equal((await client.run("x", { input: 1 })).status, "success");
	assert.deepEqual(seen.map((request) => [request.method, request.headers.Prefer]), [["POST", undefined], ["POST", "respond-async"], ["GET", undefined]]);
	assert(seen[0].body === seen[1].body && seen[0].headers["Idempotency-Key"] === seen[1].headers["Idempotency-Key"]);
});

test("a proxy that cuts silent calls", async () => {
	tuning.long = 20;
	const slowly = (given) => new Promise((resolve) => setTimeout(resolve, 30, given));
	for (const cut of [() => lost("UND_ERR_SOCKET", { bytesRead: 0 }), () => new Response("Gateway Time-out", { status: 504 })]) {
		const { client, seen } = clientOf((_, count) => count === 1 ? slowly(cut()) : json(RUN));
		await client.run("x");
		assert.deepEqual(seen.map((request) => request.headers.Prefer), [undefined, "respond-async"]);
	}
});

test("a call's own timeout, while it waits, reads and pauses", async () => {
	const waits = clientOf(never);
	await rejected(waits.client.run("x", { timeout: 30 }), APITimeoutError, "the timeout is over");
	assert.equal(waits.seen.length, 1);
	const stalls = clientOf(() => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("[")) })));
	await rejected(stalls.client.listSkills({ timeout: 30 }), APITimeoutError);
	const busy = clientOf(() => new Response("{}", { status: 503, headers: { "Retry-After": "5" } }));
	const began = performance.now();
	await rejected(busy.client.listSkills({ timeout: 1000 }), skillbox.ServerError);
	assert(busy.seen.length === 1 && performance.now() - began < 500, "a pause that would be too long isn't begun");
});

test("silence ends what is no run, and counts as a failure", async () => {
	tuning.silence = 20;
	const { client, seen } = clientOf(never);
	await rejected(client.listSkills(), APITimeoutError, "no answer in time");
	assert.equal(seen.length, 3);
});

test("a signal ends a call with its reason, wherever it is", async () => {
	const reason = new Error("enough");
	const asked = [];
	const places = {
		before: () => AbortSignal.abort(reason),
		later: () => {
			const controller = new AbortController();
			setTimeout(() => controller.abort(reason), 20);
			return controller.signal;
		},
	};
	for (const [answer, make] of [
		[() => json(RUN), places.before], [never, places.later],
		[() => new Response(new ReadableStream()), places.later], // in the answer
		[() => new Response("{}", { status: 503, headers: { "Retry-After": "30" } }), places.later], // in a pause
	]) {
		const { client, seen } = clientOf(answer);
		assert.equal(await rejected(client.run("x", { signal: make() }), Error), reason);
		asked.push(seen.length);
	}
	assert.deepEqual(asked, [0, 1, 1, 1]);
	const { client } = clientOf(() => json(RUN.replace("success", "running")));
	assert.equal(await rejected(client.wait(ID, { signal: places.later() }), Error), reason);
	assert.equal((await rejected(client.wait(ID, { signal: AbortSignal.timeout(10) }), DOMException)).name, "TimeoutError");
});

test("Retry-After is a number or a date", () => {
	assert.deepEqual(["3", " 0.5 ", null, "soon", "-1", "", "1e9"].map(retryAfterOf), [3, 0.5, null, null, null, null, null]);
	const seconds = retryAfterOf(new Date(Date.now() + 20_000).toUTCString());
	assert(seconds > 15 && seconds <= 20);
	assert.equal(retryAfterOf("Mon, 01 Jan 2001 00:00:00 GMT"), 0);
});

test("onLog's own error is the caller's, and it may take its time", async () => {
	const stream = "data: one\n\ndata: two\n\nevent: end\ndata: {}\n\n";
	const answer = (init) => init.method === "POST" ? json(RUN.replace("success", "pending"), 202) : init.url.includes("/logs")
		? new Response(stream, { headers: { "Content-Type": "text/event-stream" } }) : json(RUN);
	const heard = [];
	const { client, seen } = clientOf(answer);
	await client.run("x", { onLog: (line) => new Promise((resolve) => setTimeout(() => resolve(heard.push(line)), 5)) });
	assert.deepEqual(heard, ["one", "two"]);
	const problem = new Error("mine");
	assert.equal(await rejected(client.run("x", { onLog: () => { throw problem; } }), Error), problem);
	assert.equal(seen.length, 5, "and nothing is tried again");
});

const logOf = (text) => new Response(text, { headers: { "Content-Type": "text/event-stream" } });

test("a log that breaks again behind a gap", async () => {
	const answers = ["data: 1\n\ndata: 2\n\ndata: 3\n\n", "data: 1\n\ndata: [gap]\n\n", "data: 1\n\ndata: [gap]\n\ndata: 9\n\nevent: end\ndata: {}\n\n"];
	const { client } = clientOf(() => logOf(answers.shift()));
	assert.deepEqual(await collect(client.iterLogs(ID)), ["1", "2", "3", "[gap]", "9"]);
});

test("a signal counts between two lines, too", async () => {
	const controller = new AbortController();
	const { client, seen } = clientOf(() => logOf(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("data: 1\n\n")) })));
	const lines = client.iterLogs(ID, { signal: controller.signal });
	assert.equal((await lines.next()).value, "1");
	controller.abort();
	assert.equal((await rejected(lines.next(), DOMException)).name, "AbortError");
	assert.equal(seen.length, 1);
});

test("a log that isn't read to its end lets go of its connection", async () => {
	const { client, seen } = clientOf(() => new Response(new ReadableStream({
		start: (stream) => stream.enqueue(new TextEncoder().encode("data: one\n\n")),
	}), { headers: { "Content-Type": "text/event-stream" } }));
	for await (const line of client.iterLogs(ID)) {
		assert.equal(line, "one");
		break;
	}
	assert(seen[0].signal.aborted);
});

test("a log has a timeout of its own only", async () => {
	const { client } = clientOf(never, { timeout: 20, maxRetries: 0 });
	await rejected(collect(client.iterLogs(ID, { timeout: 60 })), APITimeoutError, "the timeout is over");
	tuning.silence = 60;
	await rejected(collect(client.iterLogs(ID)), APITimeoutError, "no answer in time");
	await rejected(collect(client.iterLogs(ID, { follow: false })), APITimeoutError, "the timeout is over");
});

// ---- JSON as text

test("every value has its own text", () => {
	const texts = ["1", "-1.50e+10", "12345678901234567890", "true", "null", '""', '"a\\"b\\\\"', '"\\u0041}]"', "[]", "{}", "[ 1 , [2,{}] ]",
		'{"a":"}","b":[{"c":"]"}] , "d":1}'];
	for (const blank of ["", " ", "\n\t "]) {
		const members = texts.map((text, i) => `${blank}"k${i}\\u00e9"${blank}:${blank}${text}${blank}`);
		assert.deepEqual([...pieces(`${blank}{${members.join(",")}}${blank}`)], texts.map((text, i) => [`k${i}é`, text]));
		assert.deepEqual([...pieces(`[${texts.map((text) => blank + text + blank)}]`)], texts.map((text) => ["", text]));
	}
	assert.deepEqual([...pieces("{ }"), ...pieces("[\n]")], []);
	const deep = "[".repeat(5000) + "]".repeat(5000);
	assert.deepEqual([...pieces(`{"a":${deep},"b":1}`)], [["a", deep], ["b", "1"]]);
});

test("any JSON that there is comes apart as it was put together", () => {
	let seed = 1;
	const random = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
	const make = (depth) => [
		() => String(random(1e9) / 1000), () => JSON.stringify('a"\\{[]},: \n'.slice(0, random(12))), () => "null",
		() => `[${Array.from({ length: random(4) }, () => make(depth + 1))}]`,
		() => `{${Array.from({ length: random(4) }, (_, i) => `"${i}" :${make(depth + 1)}`)}}`,
	][random(depth > 5 ? 3 : 5)]();
	for (let i = 0; i < 2000; i++) {
		const parts = Array.from({ length: random(5) }, () => make(0));
		assert.deepEqual(Array.from(pieces(`[${parts.join(" ,")}]`), ([, text]) => text), parts);
	}
});

test("an answer's own words", async () => {
	const text = `{"output" : {"__proto__": 1.10} , "execution_id":"${ID}","output":[1e400,"\ud83d\ude00"],"status":"success","new_field":{}}`;
	const { client } = clientOf(() => json(text));
	const result = await client.run("x");
	assert.equal(result.outputText, '[1e400,"\ud83d\ude00"]', "of a key that is there twice, the last counts");
	assert.deepEqual(result.output, [Infinity, "\ud83d\ude00"]);
	assert(!("newField" in result));
	const bare = clientOf(() => json(RUN.replace("{", '{"output_text":"1","input_text":"2",')));
	assert.deepEqual([(await bare.client.run("x")).outputText, (await bare.client.wait(ID)).inputText], ["", ""]);
	assert.equal(await clientOf(() => new Response("\ufeff a\r\n\n")).client.getExecutionLogs(ID), "\ufeff a\r\n\n");
});

test("answers that make no sense", async () => {
	for (const text of ["", "{", "[]", "null", '{"status":"success"}', Buffer.from([0x7b, 0xff, 0x7d])]) {
		const { client, seen } = clientOf(() => json(text));
		const error = await rejected(client.run("x"), skillbox.ServerError, "makes no sense");
		assert.deepEqual([error.errorCode, seen.length], ["invalid_answer", 1]);
	}
	await rejected(clientOf(() => json("{}")).client.listSkills(), skillbox.ServerError, "array");
	await rejected(collect(clientOf(() => json("{}")).client.listExecutions()), skillbox.ServerError, "'executions' is missing");
	await rejected(collect(clientOf(() => json("{}")).client.iterLogs(ID)), skillbox.ServerError, "no event stream");
});

test("input is sent as it stands", async () => {
	const { client, seen } = clientOf(() => json(RUN));
	await client.run("a\"b", { input: new RawJSON(' {"n": 1.10} '), runTimeout: 1500.4 });
	await client.run("x", { input: null, env: {} });
	await client.run("x", { input: "\ud800é" });
	assert.deepEqual(seen.map((request) => request.body), ['{"skill":"a\\"b","input": {"n": 1.10} ,"timeout":"1500ms"}',
		'{"skill":"x","input":null,"env":{}}', '{"skill":"x","input":"\\ud800é"}']);
});

// ---- event streams

test("a stream of events in any pieces", () => {
	const text = "data: a\r\rdata: b\r\ndata: c\r\n\r\n: x\n\nevent: end\ndata:\n\ndata: lost";
	const wanted = [{ event: "message", text: "a" }, { event: "message", text: "b\nc" }, { event: "end", text: "" }];
	const bytes = new TextEncoder().encode(text);
	for (let size = 1; size <= bytes.length; size++) {
		const events = new Events(), found = [];
		for (let i = 0; i < bytes.length; i += size) {
			found.push(...events.feed(bytes.subarray(i, i + size)));
		}
		assert.deepEqual(found, wanted, `in pieces of ${size}`);
	}
});

test("an event has its limit, over one line or many", () => {
	for (const text of ["x".repeat(65536), `data: ${"x".repeat(65500)}\n`]) {
		const events = new Events(), piece = new TextEncoder().encode(text);
		assert.throws(() => {
			for (let i = 0; i < 300; i++) {
				[...events.feed(piece)];
			}
		}, /longer than/);
	}
	const events = new Events();
	for (let i = 0; i < 300; i++) {
		assert.equal([...events.feed(new TextEncoder().encode(`data: ${"x".repeat(65500)}\n\n`))].length, 1);
	}
});

test("lines have marks of their own", () => {
	const marks = new Set();
	for (let i = 0; i < 50_000; i++) {
		marks.add(markOf(`line ${i}`)).add(markOf(`${i}`));
	}
	assert.equal(marks.size, 100_000);
	assert([...marks].every(Number.isSafeInteger));
});

// ---- files

function header(name, { size = 0, kind = "0", mode = 0o644, prefix = "", link = "", magic = "ustar\x0000", mtime = 1_780_000_000, sizeField } = {}) {
	const block = Buffer.alloc(512);
	block.write(name, 0, "utf8");
	block.write(mode.toString(8).padStart(7, "0"), 100);
	block.write(sizeField ?? size.toString(8).padStart(11, "0"), 124, "latin1");
	block.write(mtime.toString(8).padStart(11, "0"), 136);
	block.write(kind, 156);
	block.write(link, 157);
	block.write(magic, 257, "latin1");
	block.write(prefix, 345);
	block.fill(" ", 148, 156);
	block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148);
	return block;
}

function entry(name, text, more = {}) {
	const data = Buffer.from(text);
	return Buffer.concat([header(name, { size: data.length, ...more }), data, Buffer.alloc((512 - data.length % 512) % 512)]);
}

function pax(values) {
	const records = Object.entries(values).map(([key, value]) => {
		const rest = ` ${key}=${value}\n`;
		const size = Buffer.byteLength(rest);
		let length = size + 1;
		while (String(length).length + size !== length) {
			length++;
		}
		return length + rest;
	});
	return entry("pax", records.join(""), { kind: "x" });
}

function changed(data, at, text) {
	data.write(text, at);
	return data;
}

const END = Buffer.alloc(1024);

async function* inPieces(data, size) {
	for (let i = 0; i < data.length; i += size) {
		yield data.subarray(i, i + size);
	}
}

async function untar(data, size = 100_000, limits = LIMITS) {
	const found = {};
	for await (const { parts, content, isExecutable } of tarFiles(inPieces(data, size), limits)) {
		const text = Buffer.concat(await collect(content)).toString();
		found[parts.join("/")] = isExecutable ? `x:${text}` : text;
	}
	return found;
}

test("names in all forms, in any pieces", async () => {
	const long = "d/".repeat(100) + "f";
	const data = Buffer.concat([
		entry("a", "1", { mode: 0o755 }), entry("./b/c", ""), entry("f", "3", { prefix: "p/q" }), entry("old", "4", { kind: "\0", magic: "" }),
		entry("L", `${long}\0`, { kind: "L" }), entry("cut", "5"), pax({ path: "päx/é", mtime: "1.5" }), entry("short", "6"), pax({ size: 3 }),
		entry("sized", "789", { size: 0 }), entry("g", "", { kind: "g" }), entry("big", "x".repeat(2000)), header("dir///", { kind: "5" }), END]);
	const wanted = { a: "x:1", "b/c": "", "p/q/f": "3", old: "4", [long]: "5", "päx/é": "6", sized: "789", big: "x".repeat(2000) };
	for (const size of [1, 7, 511, 512, 513, 100_000]) {
		assert.deepEqual(await untar(data, size), wanted);
	}
});

test("what is no plain file in the folder is refused", async () => {
	const wrong = {
		"leaves the folder": ["../x", "/x", "a/../x", "a//b", "a/", ".", "", "a\\b", "a\nb", "..", "a/.."].map((name) => entry(name, "")),
		"not UTF-8": [Buffer.concat([pax({ path: "x" }).subarray(0, 512), Buffer.from("9 path=\xff\n", "latin1"), Buffer.alloc(503), entry("a", "")])],
		"a symbolic link": [header("l", { kind: "2", link: "/etc" })], "a hard link": [header("l", { kind: "1", link: "a" })],
		"a device": [header("d", { kind: "3" }), header("d", { kind: "4" })], "a pipe": [header("p", { kind: "6" })],
		"unknown kind": [header("s", { kind: "S" }), header("s", { kind: "7" })], "a folder has content": [entry("d", "x", { kind: "5" })],
		"header makes no sense": [entry("a", "x", { sizeField: "-1" }), entry("a", "x", { sizeField: "9" }), entry("a", "", { sizeField: "\x80" + "\xff".repeat(11) }),
			Buffer.alloc(512, "x"), changed(entry("a", "x"), 0, "b")],
		"extended header": [entry("p", "5 path=a\n", { kind: "x" }), entry("p", "99 path=a\n", { kind: "x" }), entry("p", "x", { kind: "x" }),
			entry("p", "0 a=\n", { kind: "x" }), pax({ size: "-1" }), pax({ "GNU.sparse.major": 1 })],
		"name that is too long": [entry("L", "x".repeat(65537), { kind: "L" })],
		"ends before its end": [Buffer.alloc(0), Buffer.alloc(511), entry("a", "x".repeat(600)).subarray(0, 1024)],
	};
	for (const [words, blocks] of Object.entries(wrong)) {
		for (const block of blocks) {
			const end = words === "ends before its end" ? Buffer.alloc(0) : END;
			await rejected(untar(Buffer.concat([block, end])), ArchiveError, words);
		}
	}
	for (const name of ["con", "a/NUL.txt", "a:b", "a.", "b ", "COM1", "a?"]) {
		await rejected(untar(Buffer.concat([entry(name, ""), END]), 512, { ...LIMITS, isWindows: true }), ArchiveError, "Windows");
		assert.deepEqual(await untar(Buffer.concat([entry(name, ""), END])), { [name]: "" });
	}
});

test("archives have limits", async () => {
	const two = Buffer.concat([entry("a", "12"), entry("b", "34"), END]);
	await rejected(untar(two, 512, { ...LIMITS, maxFiles: 1 }), ArchiveError, "maxFiles (1)");
	await rejected(untar(two, 512, { ...LIMITS, maxSize: 3 }), ArchiveError, "maxSize (3 bytes)");
	await rejected(untar(Buffer.concat([entry("a", "", { sizeField: "77777777777" }), END])), ArchiveError, "maxSize");
	const folders = Buffer.concat([...Array(10).fill(header("d", { kind: "5" })), END]);
	await rejected(untar(folders, 512, { ...LIMITS, maxFiles: 2 }), ArchiveError, "entries");
	await rejected(untar(Buffer.concat([END, Buffer.alloc(2 ** 21)])), ArchiveError, "after its end");
});

function archiveOf(...blocks) {
	const file = path.join(scratch, "files.tar.gz");
	fs.writeFileSync(file, zlib.gzipSync(Buffer.concat([...blocks, END])));
	return file;
}

test("files appear whole, with their bit and time, and replace others", async () => {
	const out = path.join(scratch, "new", "out");
	const archive = archiveOf(entry("b/run.sh", "R", { mode: 0o755 }), entry("a.txt", "A"), entry("B", "", { mtime: 0 }));
	for (const _ of [1, 2]) {
		assert.deepEqual(await unpack(archive, out, LIMITS), ["B", "a.txt", "b/run.sh"].map((name) => path.join(out, name)));
	}
	assert.deepEqual(fs.readdirSync(out).sort(), ["B", "a.txt", "b"]);
	assert.equal(fs.statSync(path.join(out, "a.txt")).mtimeMs, 1_780_000_000_000);
	assert.deepEqual(["a.txt", "b/run.sh"].map((name) => fs.statSync(path.join(out, name)).mode & 0o111), [0, 0o111 & ~process.umask()]);
});

test("a bad archive leaves nothing behind", async () => {
	const out = path.join(scratch, "out");
	for (const blocks of [[entry("a", "A"), entry("../evil", "")], [entry("a", "A"), entry("a", "B")], [entry("a", "A"), entry("a/b", "B")],
		[entry("a/b", "A"), entry("a", "B")], [entry("x", "y".repeat(200_000)), header("l", { kind: "2" })]]) {
		await rejected(unpack(archiveOf(...blocks), out, LIMITS), ArchiveError);
		assert.deepEqual(fs.readdirSync(out), []);
	}
});

test("any damage is an ArchiveError or harmless", async () => {
	const good = fs.readFileSync(archiveOf(entry("a", "A"), entry("b/c", "x".repeat(3000)), pax({ path: "é" }), entry("d", "D")));
	const out = path.join(scratch, "out"), file = path.join(scratch, "bad.gz");
	let damaged = 0;
	for (let i = 0; i < 300; i++) {
		const bad = Buffer.from(i % 3 ? good : good.subarray(0, (i * 7) % good.length));
		if (i % 3) {
			bad[(i * 31) % bad.length] ^= 1 << (i % 8);
		}
		fs.writeFileSync(file, bad);
		await unpack(file, out, LIMITS).catch((error) => {
			assert(error instanceof ArchiveError, error.stack);
			damaged++;
		});
	}
	assert(damaged > 200);
	assert.deepEqual(fs.readdirSync(scratch).sort(), ["bad.gz", "files.tar.gz", "out"]);
});

test("what is in the folder already isn't followed, and may be in the way", async () => {
	const out = path.join(scratch, "out"), elsewhere = path.join(scratch, "elsewhere");
	fs.mkdirSync(out);
	fs.mkdirSync(elsewhere);
	fs.symlinkSync(elsewhere, path.join(out, "link"));
	fs.symlinkSync(path.join(elsewhere, "target"), path.join(out, "a"));
	fs.writeFileSync(path.join(out, "file"), "");
	fs.mkdirSync(path.join(out, "folder"));
	await rejected(unpack(archiveOf(entry("z", "Z"), entry("link/x", "X")), out, LIMITS), ArchiveError, "a symbolic link");
	await rejected(unpack(archiveOf(entry("z", "Z"), entry("file/x", "X")), out, LIMITS), ArchiveError, "a file where a folder belongs");
	await rejected(unpack(archiveOf(entry("z", "Z"), entry("folder", "X")), out, LIMITS), ArchiveError, "a folder where a file belongs");
	assert(!fs.existsSync(path.join(out, "z")));
	await unpack(archiveOf(entry("a", "A")), out, LIMITS);
	assert(fs.lstatSync(path.join(out, "a")).isFile() && fs.readdirSync(elsewhere).length === 0, "a link is replaced");
});

test("files are downloaded bare, and a place that can't be written says so", async () => {
	const data = fs.readFileSync(archiveOf(entry("a", "A")));
	process.env.TMPDIR = path.join(scratch, "temporary");
	fs.mkdirSync(process.env.TMPDIR);
	const { client, seen } = clientOf(() => new Response(data), { tenantId: "t" });
	const result = Object.assign(new RunResult(ID, "success"), { filesList: ["a"], filesUrl: "http://files/x?signature=1" });
	const out = new URL(`file://${scratch}/out`);
	assert.deepEqual(await client.downloadFiles(result, out), [path.join(scratch, "out", "a")]);
	assert.deepEqual(Object.keys(seen[0].headers).sort(), ["Accept-Encoding", "User-Agent"]);
	await rejected(client.downloadFiles(result, path.join(scratch, "out", "a")), Error, "EEXIST");
	await rejected(client.downloadFiles(result, path.join(scratch, "x"), { maxSize: 0 }), ArchiveError, "maxSize (0 bytes)");
	assert.deepEqual(fs.readdirSync(process.env.TMPDIR), []);
});

// ---- folders

function skillFolder() {
	const folder = path.join(scratch, "skill");
	for (const [name, text] of Object.entries({
		"SKILL.md": "---\nname: x\n---\n", "main.sh": "true\n", "data/é.txt": "é".repeat(1000), "data/empty": "", ".git/config": "", "__pycache__/x.pyc": "",
		"._x": "", "data/.DS_Store": "",
	})) {
		const file = path.join(folder, name);
		fs.mkdirSync(path.dirname(file), { recursive: true });
		fs.writeFileSync(file, text);
	}
	fs.chmodSync(path.join(folder, "main.sh"), 0o755);
	return folder;
}

test("a folder becomes the same zip every time", async () => {
	const answer = () => json('{"name":"x","version":"1.0.0"}', 201);
	const { client, seen } = clientOf(answer);
	const folder = skillFolder();
	await client.registerSkill(folder);
	fs.utimesSync(path.join(folder, "main.sh"), 1, 1);
	await client.registerSkill(new URL(`file://${folder}/`));
	await client.registerSkill(seen[0].body);
	fs.writeFileSync(path.join(scratch, "skill.zip"), seen[0].body);
	await client.registerSkill(path.join(scratch, "skill.zip"));
	for (const request of seen) {
		assert(Buffer.from(request.body).equals(Buffer.from(seen[0].body)));
	}
	if (process.env.ZIP) { // for whoever wants to read it by other means
		fs.writeFileSync(process.env.ZIP, seen[0].body);
	}
});

test("what is no skill's folder is told", async () => {
	const { client, seen } = clientOf(() => json("{}"));
	fs.mkdirSync(path.join(scratch, "empty"));
	await rejected(client.registerSkill(path.join(scratch, "empty")), TypeError, "has no SKILL.md");
	const folder = skillFolder();
	fs.symlinkSync("/etc/passwd", path.join(folder, "data", "passwd"));
	await rejected(client.validateSkill(folder), TypeError, "passwd is a symbolic link");
	assert.equal(seen.length, 0);
});

test("checksums", () => {
	assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
	assert.equal(crc32(new Uint8Array(0)), 0);
});
