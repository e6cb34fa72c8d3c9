/**
 * Skillbox from JavaScript and TypeScript: run skills for AI agents in sandboxes of their own.
 *
 *     import { Client } from "skillbox-sdk";
 *
 *     const client = new Client("http://localhost:8080", "sk-...");
 *     const result = await client.run("greet", { input: { name: "World" } });
 *     console.log(result.output);
 *
 * One file on `fetch`, without dependencies, for Node.js 18 and later. All but `downloadFiles` and the packing of folders works
 * wherever there is `fetch`; these two load Node's modules when they are called.
 *
 * Durations are milliseconds; only `retryAfter` is seconds, as in the header of that name.
 *
 * @module skillbox-sdk
 */

export const VERSION = "0.1.0";

const DEFAULT_URL = "http://localhost:8080";
const UPLOAD_SILENCE = 300_000; // a server may have something to do with a skill before it answers
const ANSWER_BYTES = 256 * 2 ** 20;
const ERROR_BYTES = 2 ** 20;
const EVENT_BYTES = 16 * 2 ** 20;
const PIECE = 65536;
const PACK_FILES = 20_000; // these two are against packing a wrong folder: the server's own limits are lower
const PACK_BYTES = 512 * 2 ** 20;
const UNPACK_FILES = 20_000;
const UNPACK_BYTES = 4 * 2 ** 30;
const LONGEST_TIMER = 2 ** 31 - 1;
const ENDED = new Set(["success", "failed", "timeout", "cancelled"]);

/** What tests make shorter. In milliseconds. */
const tuning = {
	backoff: 500,
	backoffMax: 8_000,
	patience: 60_000, // the longest Retry-After that a call without a timeout waits for
	silence: 60_000, // without a byte; a followed log has a sign of life every 15 s
	long: 10_000, // a call that was cut after that was perhaps too silent for something between
	// A synchronous run is as silent as it is long. Node's fetch gives up after 300 s of that, so that the call becomes one that
	// asks now and again before.
	runSilence: 240_000,
};

// ---- errors

/** What all errors of this module are. */
export class SkillboxError extends Error {
	static {
		this.prototype.name = "SkillboxError";
	}

	/**
	 * The key that a `run` or `submit` was sent with: the same call with it again gives the same execution instead of a second one.
	 * @type {string}
	 */
	idempotencyKey = "";
}

/**
 * The server refused. `errorCode` is its word (`not_found`), `message` says what was wrong and what to do, `retryAfter` in how many
 * seconds to come back, if it said so.
 */
export class APIError extends SkillboxError {
	static {
		this.prototype.name = "APIError";
	}

	/**
	 * @param {number} statusCode
	 * @param {string} errorCode
	 * @param {string} message
	 * @param {{requestId?: string, retryAfter?: number | null}} [more]
	 */
	constructor(statusCode, errorCode, message, more = {}) {
		super(message);
		/** @type {number} */
		this.statusCode = statusCode;
		/** @type {string} */
		this.errorCode = errorCode;
		/** @type {string} */
		this.requestId = more.requestId ?? "";
		/** @type {number | null} */
		this.retryAfter = more.retryAfter ?? null;
	}

	/** With status, code and request id. */
	toString() {
		const request = this.requestId ? `, request ${this.requestId}` : "";
		return `${this.name}: ${this.message} (${this.statusCode} ${this.errorCode}${request})`;
	}
}

/** 401: no key, or one that is wrong or revoked. */
export class AuthenticationError extends APIError {
	static {
		this.prototype.name = "AuthenticationError";
	}
}

/** 403: the key lacks the scope, or is another tenant's. */
export class PermissionDeniedError extends APIError {
	static {
		this.prototype.name = "PermissionDeniedError";
	}
}

/** 404: no such skill or execution. */
export class NotFoundError extends APIError {
	static {
		this.prototype.name = "NotFoundError";
	}
}

/** 409: the idempotency key was used with another request. */
export class ConflictError extends APIError {
	static {
		this.prototype.name = "ConflictError";
	}
}

/** 400, 413, 415 or 422: what was sent can't be used; the message says why. */
export class InvalidInputError extends APIError {
	static {
		this.prototype.name = "InvalidInputError";
	}
}

/** 429: too many requests (`rate_limited`) or executions (`no_capacity`); come back after `retryAfter` seconds. */
export class RateLimitError extends APIError {
	static {
		this.prototype.name = "RateLimitError";
	}
}

/** 5xx: the server or something between failed; or its answer makes no sense. */
export class ServerError extends APIError {
	static {
		this.prototype.name = "ServerError";
	}
}

/** No whole answer came: the server can't be reached, or the connection was cut. */
export class APIConnectionError extends SkillboxError {
	static {
		this.prototype.name = "APIConnectionError";
	}
}

/** Time was over before the answer came. What was asked for may go on at the server. */
export class APITimeoutError extends APIConnectionError {
	static {
		this.prototype.name = "APITimeoutError";
	}
}

/** The files of an execution came as an archive that is damaged, too large or not safe to unpack. Nothing was written. */
export class ArchiveError extends SkillboxError {
	static {
		this.prototype.name = "ArchiveError";
	}
}

/** The skill ran and failed, timed out or was cancelled. `result` is all that came of it. */
export class SkillFailed extends SkillboxError {
	static {
		this.prototype.name = "SkillFailed";
	}

	/** @param {RunResult<any>} result */
	constructor(result) {
		const code = result.errorCode ? ` (${result.errorCode})` : "";
		super(`execution ${result.executionId}: ${result.error || result.status}${code}`);
		/** @type {RunResult<any>} */
		this.result = result;
	}
}

/** @type {Record<number, typeof APIError>} */
const ERRORS = {
	400: InvalidInputError,
	401: AuthenticationError,
	403: PermissionDeniedError,
	404: NotFoundError,
	409: ConflictError,
	413: InvalidInputError,
	415: InvalidInputError,
	422: InvalidInputError,
	429: RateLimitError,
};

/** No whole answer, as the transport says it. */
class Broken extends Error {
	/**
	 * @param {string} message
	 * @param {{cause?: unknown, timeout?: boolean, final?: boolean, stale?: boolean}} [more] timeout: it took too long; final:
	 * another attempt makes no sense; stale: a kept connection that the server had closed in the meantime
	 */
	constructor(message, more = {}) {
		super(message, { cause: more.cause });
		this.timeout = more.timeout ?? false;
		this.final = more.final ?? false;
		this.stale = more.stale ?? false;
	}
}

/** An answer that isn't what the API promises. */
class Nonsense extends Error {}

// ---- results

/** JSON text that is sent as it stands, as `input`: every digit, every blank. `new RawJSON('{"n": 1.10}')` */
export class RawJSON {
	/** @param {string} text */
	constructor(text) {
		if (typeof text !== "string") {
			throw new TypeError(`RawJSON takes JSON as a string, not ${kindOf(text)}`);
		}
		try {
			JSON.parse(text);
		} catch (error) {
			throw new SyntaxError(`the text of RawJSON is not JSON: ${wordsOf(error)}`);
		}
		/** @type {string} */
		this.text = text;
	}

	/** @returns {never} */
	toJSON() {
		throw new TypeError("RawJSON must be the whole value, not a part of one");
	}

	toString() {
		return this.text;
	}
}

/** @typedef {"pending" | "running" | "success" | "failed" | "timeout" | "cancelled"} Status */

/**
 * What came of a run, or of one that still goes on (`status` `pending` or `running`).
 * @template [T=any]
 */
export class RunResult {
	/**
	 * @param {string} executionId
	 * @param {Status} status
	 */
	constructor(executionId, status) {
		/** @type {string} */
		this.executionId = executionId;
		/** @type {Status} */
		this.status = status;
		/**
		 * The skill's output, as `JSON.parse` makes it; undefined if there is none. Numbers of more than 15 digits lose some: see
		 * `outputText`.
		 * @type {T | undefined}
		 */
		this.output = undefined;
		/**
		 * The output as JSON text, byte for byte as the server sent it; empty if there is none.
		 * @type {string}
		 */
		this.outputText = "";
		/** @type {string[]} */
		this.filesList = [];
		/** @type {string} */
		this.filesUrl = "";
		/** @type {string} */
		this.logs = "";
		/** @type {boolean} */
		this.logsTruncated = false;
		/** @type {number | null} */
		this.exitCode = null;
		/** @type {number | null} */
		this.durationMs = null;
		/**
		 * Milliseconds: queue, sandbox, start, run, collect, total.
		 * @type {Record<string, number>}
		 */
		this.timings = {};
		/** @type {boolean | null} */
		this.warm = null;
		/**
		 * Why it waits, of one that is pending.
		 * @type {string}
		 */
		this.reason = "";
		/** @type {string} */
		this.message = "";
		/** @type {Array<{name: string, active: boolean, detail?: string}>} */
		this.isolation = [];
		/** @type {string | null} */
		this.error = null;
		/** @type {string} */
		this.errorCode = "";
	}

	/** Whether there is something for `downloadFiles`. */
	get hasFiles() {
		return this.filesList.length > 0 || this.filesUrl !== "";
	}

	/** Whether nothing will change any more. */
	get ended() {
		return ENDED.has(this.status);
	}

	get succeeded() {
		return this.status === "success";
	}

	/**
	 * Throws `SkillFailed` if the run failed, timed out or was cancelled; else gives itself.
	 * @returns {this}
	 */
	raiseForStatus() {
		if (this.ended && !this.succeeded) {
			throw new SkillFailed(this);
		}
		return this;
	}
}

/**
 * The record of an execution.
 * @template [T=any]
 * @extends {RunResult<T>}
 */
export class Execution extends RunResult {
	/** @type {string} */
	skillName = "";
	/** @type {string} */
	skillVersion = "";
	/** @type {string} */
	tenantId = "";
	/** @type {string} */
	createdAt = "";
	/** @type {string} */
	startedAt = "";
	/** @type {string} */
	finishedAt = "";
	/** @type {any} */
	input = undefined;
	/**
	 * The input as JSON text, byte for byte.
	 * @type {string}
	 */
	inputText = "";
	/** @type {string} */
	skillDigest = "";
	/** @type {string} */
	image = "";
}

/**
 * A version of a skill, as lists show it and `registerSkill` returns it.
 * @typedef {object} Skill
 * @property {string} name
 * @property {string} version
 * @property {string} description
 * @property {string} lang
 * @property {string} digest
 * @property {string} uploadedAt
 * @property {string} mode `instructions` if there is nothing to run, else `executable`
 * @property {string} status
 */

/**
 * A version of a skill with all that the server tells of it.
 * @typedef {Skill & SkillMore} SkillDetail
 */

/**
 * @typedef {object} SkillMore
 * @property {string} image
 * @property {string} instructions
 * @property {string} timeout
 * @property {Record<string, string>} resources
 * @property {any} inputSchema undefined if there is none
 * @property {any} outputSchema undefined if there is none
 * @property {number} size
 */

/**
 * What the server says of a skill that was not stored.
 * @typedef {object} Validation
 * @property {boolean} valid
 * @property {string} name
 * @property {string} version
 * @property {string[]} problems
 * @property {string[]} warnings
 */

/** @returns {Skill} */
const emptySkill = () => ({
	name: "", version: "", description: "", lang: "", digest: "", uploadedAt: "", mode: "executable", status: "",
});

/** @returns {SkillDetail} */
const emptyDetail = () => ({
	...emptySkill(), image: "", instructions: "", timeout: "", resources: {}, inputSchema: undefined, outputSchema: undefined, size: 0,
});

/** @returns {Validation} */
const emptyValidation = () => ({ valid: false, name: "", version: "", problems: [], warnings: [] });

// ---- what callers give

/**
 * @typedef {object} CallOptions What every call takes.
 * @property {AbortSignal} [signal] ends the call; what was asked for may go on at the server
 * @property {number | null} [timeout] milliseconds that the call may take in all, attempts and pauses included, instead of the
 * client's. Then `APITimeoutError`
 */

/**
 * @typedef {object} ClientOptions
 * @property {string} [tenantId] checked by the server against the key's tenant; not needed
 * @property {number | null} [timeout] milliseconds that a call may take in all, attempts and pauses included. null: as long as it
 * takes, but all except `run` end after a minute without a byte
 * @property {number} [maxRetries] how often a call is tried again, after lost connections and the answers 429, 502, 503 and 504: 2
 * @property {typeof globalThis.fetch} [fetch] used instead of the global one, for example behind a proxy
 */

/**
 * @typedef {object} Submission
 * @property {unknown} [input] anything that JSON can say; `RawJSON` for text that is sent as it stands
 * @property {string} [version] the newest if left out
 * @property {Record<string, string>} [env] environment variables for the script
 * @property {string} [idempotencyKey] the same key within 24 hours gives the same execution. Without one, one is made for the call
 * @property {string | number} [runTimeout] text like "30s", or milliseconds, after which the run itself is ended; it can only
 * shorten the skill's
 */

/** @typedef {Submission & CallOptions} SubmitOptions */

/** @typedef {SubmitOptions & {onLog?: (line: string) => unknown}} RunOptions onLog: called with each line of the log while it runs */

/** @typedef {CallOptions & {follow?: boolean}} LogOptions follow: until the execution ends (true), or what there is (false) */

/** @typedef {CallOptions & {skill?: string, status?: Status, limit?: number}} ListOptions limit: how many are asked for at once: 50 */

/** @typedef {CallOptions & {maxSize?: number, maxFiles?: number}} DownloadOptions maxSize: bytes, unpacked */

/** @typedef {{deadline: number | null, signal: AbortSignal | undefined}} Call */

/** @param {unknown} value */
function kindOf(value) {
	return value === null ? "null" : Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : typeof value;
}

/** @param {unknown} error */
function wordsOf(error) {
	return error instanceof Error ? error.message : String(error);
}

/**
 * The options of a call; a word that is none of them is an error, not ignored.
 * @template {object} T
 * @param {T | undefined} given
 * @param {string} method
 * @param {string[]} known
 * @param {string} [hint]
 * @returns {T}
 */
function optionsOf(given, method, known, hint = "") {
	if (given === undefined || given === null) {
		return /** @type {T} */ ({});
	}
	if (typeof given !== "object" || Array.isArray(given)) {
		throw new TypeError(`${method}: the options must be an object, not ${kindOf(given)}${hint}`);
	}
	for (const name of Object.keys(given)) {
		if (!known.includes(name)) {
			throw new TypeError(`${method}: unknown option '${name}'; there are ${known.join(", ")}${hint}`);
		}
	}
	return given;
}

/**
 * The message never has the value: it may be a secret.
 * @param {unknown} value
 * @param {string} what
 * @param {number} longest
 */
function headerText(value, what, longest) {
	if (typeof value !== "string") {
		throw new TypeError(`${what} must be a string, not ${kindOf(value)}`);
	}
	if (value.length > longest || !/^[\x21-\x7e]*$/.test(value)) {
		throw new RangeError(`${what} must be printable ASCII without blanks, at most ${longest} characters`);
	}
	return value;
}

/**
 * A part of a path.
 * @param {unknown} value
 * @param {string} what
 */
function segment(value, what) {
	if (typeof value !== "string") {
		throw new TypeError(`${what} must be a string, not ${kindOf(value)}`);
	}
	if (value === "" || value === "." || value === "..") {
		throw new RangeError(`${what} must not be '${value}'`);
	}
	try {
		return encodeURIComponent(value);
	} catch {
		throw new RangeError(`${what} must be Unicode text; it has half of a surrogate pair`);
	}
}

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {number | null}
 */
function milliseconds(value, what) {
	if (value === undefined || value === null) {
		return null;
	}
	if (typeof value !== "number" || !(value > 0) || value === Infinity) {
		throw new RangeError(`${what} must be a number of milliseconds above 0; it is ${typeof value === "string" ? `'${value}'` : value}`);
	}
	return value;
}

/**
 * @param {unknown} value
 * @param {string} what
 */
function wholeNumber(value, what, least = 1) {
	if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) {
		throw new RangeError(`${what} must be a whole number from ${least} on; it is ${typeof value === "string" ? `'${value}'` : value}`);
	}
	return value;
}

/**
 * The environment's variable; empty where there is no environment, or none that may be read.
 * @param {string} name
 * @returns {string}
 */
function fromEnvironment(name) {
	try {
		return /** @type {any} */ (globalThis).process?.env?.[name] ?? "";
	} catch {
		return "";
	}
}

/**
 * A module of Node's. The name is no literal, so that bundlers for browsers leave it alone.
 * @param {string} name
 * @param {string} what
 * @returns {Promise<any>}
 */
async function nodeModule(name, what) {
	try {
		return await import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`);
	} catch (error) {
		throw new SkillboxError(`${what} needs Node's module '${name}', which this runtime doesn't have`, { cause: error });
	}
}

// ---- JSON as values and as text

/**
 * @param {string} text
 * @param {number} at
 */
function skipBlanks(text, at) {
	while (at < text.length && " \t\r\n".includes(text[at])) {
		at++;
	}
	return at;
}

/**
 * Behind the string that begins at `at`.
 * @param {string} text
 * @param {number} at
 */
function stringEnd(text, at) {
	for (at++; text[at] !== '"'; at++) {
		if (text[at] === "\\") {
			at++;
		}
	}
	return at + 1;
}

/**
 * Behind the value that begins at `at`.
 * @param {string} text
 * @param {number} at
 */
function valueEnd(text, at) {
	let depth = 0;
	while (at < text.length) {
		const c = text[at];
		if (c === '"') {
			at = stringEnd(text, at);
		} else if (c === "{" || c === "[") {
			depth++;
			at++;
			continue;
		} else if (c === "}" || c === "]") {
			depth--;
			at++;
		} else if (depth === 0) {
			while (at < text.length && !",]} \t\r\n".includes(text[at])) {
				at++;
			}
		} else {
			at++;
			continue;
		}
		if (depth === 0) {
			break;
		}
	}
	return at;
}

/**
 * [key, text] of each member of an object, ["", text] of each element of an array. The text must be valid: `JSON.parse` took it.
 * @param {string} text
 * @returns {Generator<[string, string]>}
 */
function* pieces(text) {
	let at = skipBlanks(text, 0);
	const isObject = text[at] === "{";
	at = skipBlanks(text, at + 1);
	while (text[at] !== "}" && text[at] !== "]") {
		let key = "";
		if (isObject) {
			const end = stringEnd(text, at);
			key = JSON.parse(text.slice(at, end));
			at = skipBlanks(text, skipBlanks(text, end) + 1); // the colon
		}
		const end = valueEnd(text, at);
		yield [key, text.slice(at, end)];
		at = skipBlanks(text, end);
		if (text[at] === ",") {
			at = skipBlanks(text, at + 1);
		}
	}
}

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {Record<string, any>}
 */
function objectOf(value, what = "it") {
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		throw new Nonsense(`${what} is not a JSON object`);
	}
	return value;
}

/** @param {string} name */
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Fills in what an answer has of the fields that are there already; null counts as left out, but for input and output.
 * @template {object} T
 * @param {T} target
 * @param {Record<string, any>} value
 * @returns {T}
 */
function fill(target, value) {
	for (const name of Object.keys(target)) {
		const key = snake(name);
		if (Object.hasOwn(value, key) && (value[key] !== null || key === "input" || key === "output")) {
			/** @type {any} */ (target)[name] = value[key];
		}
	}
	return target;
}

/**
 * @param {Record<string, any>} value
 * @param {string[]} names
 */
function withAll(value, ...names) {
	for (const name of names) {
		if (value[name] === undefined || value[name] === null) {
			throw new Nonsense(`'${name}' is missing`);
		}
	}
	return value;
}

/**
 * A RunResult or Execution.
 * @template {RunResult<any>} T
 * @param {new (executionId: string, status: Status) => T} Kind
 * @param {string} text
 * @returns {T}
 */
function resultOf(Kind, text) {
	const value = withAll(objectOf(JSON.parse(text)), "execution_id", "status");
	const result = fill(new Kind(value.execution_id, value.status), value);
	for (const name of ["outputText", "inputText"].filter((name) => name in result)) {
		/** @type {any} */ (result)[name] = ""; // no fields of the server's
	}
	for (const [key, piece] of pieces(text)) { // of a key that is there twice the last counts, as for JSON.parse
		if (key === "output") {
			result.outputText = piece;
		} else if (key === "input" && result instanceof Execution) {
			result.inputText = piece;
		}
	}
	return result;
}

/**
 * @param {string} text
 * @returns {{executions: Execution<any>[], next: string}}
 */
function pageOf(text) {
	const value = objectOf(JSON.parse(text));
	if (!Array.isArray(value.executions)) {
		throw new Nonsense("'executions' is missing");
	}
	let list = "[]";
	for (const [key, piece] of pieces(text)) {
		list = key === "executions" ? piece : list;
	}
	const executions = Array.from(pieces(list), ([, piece]) => resultOf(/** @type {typeof Execution<any>} */ (Execution), piece));
	return { executions, next: typeof value.next === "string" ? value.next : "" };
}

/**
 * @param {unknown} value
 * @param {string} what
 */
function jsonText(value, what) {
	if (value instanceof RawJSON) {
		return value.text;
	}
	let text;
	try {
		text = JSON.stringify(value, (_, part) => {
			if (typeof part === "number" && !Number.isFinite(part)) {
				throw new TypeError(`JSON has no ${part}`);
			}
			if (typeof part === "bigint") {
				throw new TypeError(`a BigInt (${part}) is no JSON value; RawJSON takes numbers of any length as text`);
			}
			return part;
		});
	} catch (error) {
		throw new TypeError(`${what} can't be sent as JSON: ${wordsOf(error)}`, { cause: error });
	}
	if (text === undefined) {
		throw new TypeError(`${what} can't be sent as JSON: it is ${kindOf(value)}`);
	}
	return text;
}

/** @param {Uint8Array} data */
function strictText(data) {
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
	} catch {
		throw new Nonsense("it is not UTF-8");
	}
}

// ---- requests

/**
 * @typedef {object} Request
 * @property {string} method
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {Uint8Array | string} [body]
 */

/** @param {Request} request */
const nameOf = (request) => `${request.method} ${request.url.split("?")[0]}`;

/**
 * @param {unknown} url
 * @param {string} what
 */
function parsedUrl(url, what) {
	if (typeof url !== "string") {
		throw new TypeError(`${what} must be a string, not ${kindOf(url)}`);
	}
	const shown = url.slice(url.lastIndexOf("@") + 1); // without user and password
	let parsed;
	try {
		parsed = new URL(url);
	} catch {
		parsed = null;
	}
	if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
		throw new TypeError(`${what} must begin with http:// or https:// and a host, like ${DEFAULT_URL}; it is '${shown}'`);
	}
	return parsed;
}

/**
 * Seconds; the header has them, or a date.
 * @param {string | null} text
 * @returns {number | null}
 */
function retryAfterOf(text) {
	const trimmed = (text ?? "").trim();
	if (/^\d{1,9}(\.\d{1,9})?$/.test(trimmed)) {
		return Number(trimmed);
	}
	const date = /[a-z]/i.test(trimmed) ? Date.parse(trimmed) : NaN;
	return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}

/**
 * @param {number} status
 * @param {Headers} headers
 * @param {string} text
 */
function errorOf(status, headers, text) {
	const Kind = ERRORS[status] ?? (status >= 500 ? ServerError : APIError);
	let code, message;
	let requestId = headers.get("X-Request-ID") ?? "";
	try {
		const value = objectOf(JSON.parse(text));
		if (typeof value.error === "string" && typeof value.message === "string") {
			({ error: code, message } = value);
			requestId = String(value.request_id || requestId);
		}
	} catch {
		// Not the server's own answer, but one of something before it.
	}
	if (code === undefined) {
		code = `http_${status}`;
		const words = text.replace(/<[^>]*>/g, " ").split(/\s+/).filter(Boolean).join(" ");
		message = headers.get("Location")
			? `the answer is a redirect to ${headers.get("Location")}: use that as base URL`
			: `the answer is not Skillbox's: ${words.slice(0, 200) || `status ${status} without a text`}`;
	}
	return new Kind(status, code, message, { requestId, retryAfter: retryAfterOf(headers.get("Retry-After")) });
}

/**
 * @param {Exchange} exchange
 * @param {string} message
 */
function invalidAnswer(exchange, message) {
	return new ServerError(exchange.status, "invalid_answer", message, { requestId: exchange.headers.get("X-Request-ID") ?? "" });
}

const CUT = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"]);
const TOO_SLOW = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ETIMEDOUT"]);

/**
 * What went wrong in fetch. Node says little itself, and the rest in `cause`.
 * @param {any} error
 * @param {boolean} isKept whether there may be a connection that was kept, and nothing of the answer has come
 */
function brokenOf(error, isKept) {
	if (error instanceof Broken) {
		return error;
	}
	let cause = error?.cause ?? error;
	cause = cause?.errors?.[0] ?? cause; // an AggregateError has one for each address
	const code = String(cause?.code ?? "");
	if (CUT.has(code) || error?.message === "terminated") {
		const stale = isKept && CUT.has(code) && cause.socket?.bytesRead !== 0;
		return new Broken("the connection was cut before the answer's end", { cause: error, stale });
	}
	const words = `${cause?.message || code || wordsOf(error)}`;
	return new Broken(words, { cause: error, timeout: TOO_SLOW.has(code), final: /CERT|^UNABLE_TO_|^ERR_TLS|^ERR_INVALID/.test(code) });
}

/**
 * @param {Call} call
 * @param {number} longest
 */
function millisecondsLeft(call, longest) {
	if (call.deadline === null) {
		return longest;
	}
	const left = call.deadline - performance.now();
	if (left <= 0) {
		throw new Broken("time is over", { timeout: true });
	}
	return Math.min(left, longest);
}

/** One request and its answer, whose body is still to be read. */
class Exchange {
	#controller = new AbortController();
	/** @type {ReadableStreamDefaultReader<Uint8Array> | null} */
	#reader = null;
	#read = 0;
	#length = -1;
	status = 0;
	headers = new Headers();

	/**
	 * @param {Request} request
	 * @param {Call} call
	 * @param {number} silence
	 */
	constructor(request, call, silence) {
		this.request = request;
		this.call = call;
		this.silence = silence;
	}

	/**
	 * @param {typeof globalThis.fetch} fetch
	 * @param {boolean} isKept
	 */
	async open(fetch, isKept) {
		const { method, url, headers } = this.request;
		const body = /** @type {BodyInit | undefined} */ (this.request.body);
		const init = { method, headers, body, redirect: /** @type {const} */ ("manual"), signal: this.#controller.signal };
		const response = await this.#within(() => fetch(url, init), isKept);
		this.status = response.status;
		this.headers = response.headers;
		this.#reader = response.body?.getReader() ?? null;
		const length = response.headers.get("Content-Encoding") ? null : response.headers.get("Content-Length");
		this.#length = length !== null && /^\d{1,15}$/.test(length) ? Number(length) : -1;
	}

	/** The next bytes; null at the end. */
	async read() {
		const reader = this.#reader;
		if (reader === null) {
			return null;
		}
		const { done, value } = await this.#within(() => reader.read(), false);
		if (!done) {
			this.#read += value.length;
			return value;
		}
		this.#reader = null;
		if (this.#read < this.#length) {
			throw new Broken("the connection was cut before the answer's end");
		}
		return null;
	}

	/** @param {number} longest */
	async readAll(longest) {
		const parts = [];
		let size = 0;
		for (let part = await this.read(); part !== null; part = await this.read()) {
			parts.push(part);
			size += part.length;
			if (size > longest) {
				throw new Broken(`the answer is longer than ${longest} bytes`, { final: true });
			}
		}
		return joined(parts, size);
	}

	/** A connection whose answer was not read to its end can't be used again. */
	close() {
		if (this.#reader !== null || this.status === 0) {
			this.#reader = null;
			this.#controller.abort();
		}
	}

	/**
	 * Something that the caller's signal, the deadline and silence end.
	 * @template T
	 * @param {() => Promise<T>} work
	 * @param {boolean} isKept
	 * @returns {Promise<T>}
	 */
	#within(work, isKept) {
		const { signal } = this.call;
		return new Promise((resolve, reject) => {
			signal?.throwIfAborted();
			const left = millisecondsLeft(this.call, this.silence);
			const until = performance.now() + left;
			/** @type {ReturnType<typeof setTimeout>} */
			let timer;
			const arm = (/** @type {number} */ pause) => {
				timer = setTimeout(late, Math.min(Math.ceil(pause), LONGEST_TIMER));
			};
			const late = () => {
				if (performance.now() < until) {
					arm(until - performance.now());
					return;
				}
				end(() => reject(new Broken("no answer in time", { timeout: true })));
				this.#controller.abort();
			};
			const aborted = () => {
				end(() => reject(signal?.reason));
				this.#controller.abort();
			};
			const end = (/** @type {() => void} */ settle) => {
				clearTimeout(timer);
				signal?.removeEventListener("abort", aborted);
				settle();
			};
			arm(left);
			signal?.addEventListener("abort", aborted);
			(async () => work())().then(
				(value) => end(() => resolve(value)),
				(error) => end(() => reject(brokenOf(error, isKept))),
			);
		});
	}
}

/**
 * @param {Uint8Array[]} parts
 * @param {number} size
 */
function joined(parts, size) {
	if (parts.length === 1) {
		return parts[0];
	}
	const all = new Uint8Array(size);
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

/**
 * @param {number} pause
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<void>}
 */
function sleep(pause, signal) {
	return new Promise((resolve, reject) => {
		signal?.throwIfAborted();
		const aborted = () => {
			clearTimeout(timer);
			reject(signal?.reason);
		};
		const timer = setTimeout(() => {
			signal?.removeEventListener("abort", aborted);
			resolve();
		}, Math.min(pause, LONGEST_TIMER));
		signal?.addEventListener("abort", aborted, { once: true });
	});
}

// ---- server-sent events

/** Takes a stream of server-sent events apart. */
class Events {
	#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
	#afterReturn = false;
	/** @type {string[]} */
	#rest = [];
	#restSize = 0;
	#event = "";
	/** @type {string[]} */
	#data = [];
	#dataSize = 0;

	/**
	 * @param {Uint8Array} bytes
	 * @returns {Generator<{event: string, text: string}>}
	 */
	*feed(bytes) {
		let text = this.#decoder.decode(bytes, { stream: true });
		if (this.#afterReturn && text[0] === "\n") {
			text = text.slice(1);
			this.#afterReturn = false;
		}
		if (text === "") {
			return;
		}
		this.#afterReturn = text.endsWith("\r");
		const lines = text.split(/\r\n|\r|\n/);
		const rest = /** @type {string} */ (lines.pop());
		if (lines.length > 0) {
			lines[0] = this.#rest.join("") + lines[0];
			this.#rest = [];
			this.#restSize = 0;
		}
		this.#rest.push(rest);
		this.#restSize += rest.length;
		for (const line of lines) {
			if (line !== "") {
				this.#field(line);
				continue;
			}
			if (this.#data.length > 0) {
				yield { event: this.#event || "message", text: this.#data.join("\n") };
			}
			this.#event = "";
			this.#data = [];
			this.#dataSize = 0;
		}
		if (this.#restSize + this.#dataSize > EVENT_BYTES) {
			throw new Broken(`an event of the log is longer than ${EVENT_BYTES} bytes`, { final: true });
		}
	}

	/** @param {string} line */
	#field(line) {
		const colon = line.indexOf(":");
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
		if (name === "event") {
			this.#event = value;
		} else if (name === "data") {
			this.#data.push(value);
			this.#dataSize += value.length + 1;
		}
	}
}

/**
 * 53 bits that tell one line from another.
 * @param {string} text
 */
function markOf(text) {
	let a = 0xdeadbeef ^ text.length, b = 0x41c6ce57;
	for (let i = 0; i < text.length; i++) {
		const c = text.charCodeAt(i);
		a = Math.imul(a ^ c, 0x9e3779b1);
		a ^= a >>> 15;
		b = Math.imul(b ^ c, 0x5f356495);
		b ^= b >>> 13;
	}
	return (b & 0x1fffff) * 2 ** 32 + (a >>> 0);
}

// ---- archives: a skill's folder on its way out, files on their way in

const LEFT_OUT = new Set([".git", ".hg", ".svn", "__pycache__", "__MACOSX", ".DS_Store", "Thumbs.db"]);

/**
 * As their UTF-8 would be compared.
 * @param {string} a
 * @param {string} b
 */
function compareNames(a, b) {
	const [x, y] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
	for (let i = 0; i < x.length && i < y.length; i++) {
		if (x[i] !== y[i]) {
			return x[i] - y[i];
		}
	}
	return x.length - y.length;
}

/** @type {Uint32Array | undefined} */
let crcTable;

/** @param {Uint8Array} data */
function crc32(data) {
	if (crcTable === undefined) {
		crcTable = new Uint32Array(256);
		for (let i = 0; i < 256; i++) {
			let c = i;
			for (let bit = 0; bit < 8; bit++) {
				c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
			}
			crcTable[i] = c;
		}
	}
	let crc = ~0;
	for (let i = 0; i < data.length; i++) {
		crc = (crc >>> 8) ^ crcTable[(crc ^ data[i]) & 255];
	}
	return ~crc >>> 0;
}

/** @param {Array<[bytes: 2 | 4, value: number]>} fields little-endian */
function packed(...fields) {
	const data = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
	let at = 0;
	for (const [bytes, value] of fields) {
		if (bytes === 2) {
			data.setUint16(at, value, true);
		} else {
			data.setUint32(at, value, true);
		}
		at += bytes;
	}
	return new Uint8Array(data.buffer);
}

/**
 * A zip: the same bytes for the same files.
 * @param {AsyncIterable<{name: string, data: Uint8Array, isExecutable: boolean}> | Array<{name: string, data: Uint8Array, isExecutable: boolean}>} files
 * @param {(data: Uint8Array) => Promise<Uint8Array>} deflate
 */
async function zipped(files, deflate) {
	const parts = [], directory = [];
	let size = 0, directorySize = 0, count = 0;
	for await (const { name, data, isExecutable } of files) {
		const bytes = new TextEncoder().encode(name);
		const content = await deflate(data);
		const utf8 = /^[\x20-\x7e]*$/.test(name) ? 0 : 0x800;
		const mode = 0o100000 | (isExecutable ? 0o755 : 0o644);
		/** @type {Array<[2 | 4, number]>} version, flags, method, time, date (1980-01-01), checksum, sizes, name's length, extra's */
		const common = [[2, 20], [2, utf8], [2, 8], [2, 0], [2, 0x21], [4, crc32(data)], [4, content.length], [4, data.length],
			[2, bytes.length], [2, 0]];
		const local = packed([4, 0x04034b50], ...common);
		const entry = packed([4, 0x02014b50], [2, 0x0314], ...common, [2, 0], [2, 0], [2, 0], [4, mode * 65536], [4, size]);
		parts.push(local, bytes, content);
		size += local.length + bytes.length + content.length;
		directory.push(entry, bytes);
		directorySize += entry.length + bytes.length;
		count++;
	}
	const end = packed([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, directorySize], [4, size], [2, 0]);
	return joined([...parts, ...directory, end], size + directorySize + end.length);
}

/**
 * The regular files of a skill's folder, in order.
 * @param {string} folder
 */
async function* filesOf(folder) {
	const fs = /** @type {typeof import("node:fs/promises")} */ (await nodeModule("fs/promises", "packing a folder"));
	const path = /** @type {typeof import("node:path")} */ (await nodeModule("path", "packing a folder"));
	/** @type {Array<{name: string, place: string, isExecutable: boolean}>} */
	const found = [];
	let size = 0;
	for (const todo = [""]; todo.length > 0;) {
		const prefix = /** @type {string} */ (todo.pop());
		for (const base of await fs.readdir(path.join(folder, prefix))) {
			if (LEFT_OUT.has(base) || base.startsWith("._")) {
				continue;
			}
			const name = prefix + base, place = path.join(folder, name);
			const info = await fs.lstat(place);
			if (info.isDirectory()) {
				todo.push(`${name}/`);
				continue;
			}
			if (!info.isFile()) {
				const kind = info.isSymbolicLink() ? "a symbolic link" : "no regular file";
				throw new TypeError(`${place} is ${kind}: a skill has regular files only; put a copy there`);
			}
			found.push({ name, place, isExecutable: (info.mode & 0o100) !== 0 });
			size += info.size;
			if (found.length > PACK_FILES || size > PACK_BYTES) {
				throw new RangeError(`${folder} has more than ${PACK_FILES} files or ${PACK_BYTES} bytes: is it the skill's folder?`);
			}
		}
	}
	found.sort((a, b) => compareNames(a.name, b.name));
	for (const { name, place, isExecutable } of found) {
		yield { name, data: await fs.readFile(place), isExecutable };
	}
}

/**
 * The zip that is there, or one of the folder.
 * @param {string | URL | Uint8Array} source
 * @returns {Promise<Uint8Array>}
 */
async function packedSkill(source) {
	if (source instanceof Uint8Array) {
		return source;
	}
	if (typeof source !== "string" && !(source instanceof URL)) {
		throw new TypeError(`the skill must be the path of a folder or a zip, or the zip's bytes, not ${kindOf(source)}`);
	}
	const fs = /** @type {typeof import("node:fs/promises")} */ (await nodeModule("fs/promises", "reading a skill"));
	const zlib = /** @type {typeof import("node:zlib")} */ (await nodeModule("zlib", "packing a folder"));
	const where = await placeOf(source, "reading a skill");
	const info = await fs.stat(where);
	if (!info.isDirectory()) {
		if (info.size > PACK_BYTES) {
			throw new RangeError(`${where} is larger than ${PACK_BYTES} bytes: is it the skill's zip?`);
		}
		return fs.readFile(where);
	}
	if (!(await fs.readdir(where)).some((name) => name.toLowerCase() === "skill.md")) {
		throw new TypeError(`${where} has no SKILL.md: is it the skill's folder?`);
	}
	/** @type {(data: Uint8Array) => Promise<Uint8Array>} */
	const deflate = (data) => new Promise((resolve, reject) => {
		zlib.deflateRaw(data, (error, content) => error ? reject(error) : resolve(content));
	});
	return zipped(filesOf(where), deflate);
}

/**
 * @param {string | URL} path
 * @param {string} what
 * @returns {Promise<string>}
 */
async function placeOf(path, what) {
	if (path instanceof URL) {
		return /** @type {typeof import("node:url")} */ (await nodeModule("url", what)).fileURLToPath(path);
	}
	return path;
}

/** Bytes of a stream, so many at a time. */
class Bytes {
	/** @type {AsyncIterator<Uint8Array>} */
	#source;
	/** @type {Uint8Array} */
	#rest = new Uint8Array(0);

	/** @param {AsyncIterable<Uint8Array>} source */
	constructor(source) {
		this.#source = source[Symbol.asyncIterator]();
	}

	/**
	 * At most so many, and none only at the end.
	 * @param {number} size
	 */
	async some(size) {
		while (this.#rest.length === 0) {
			let next;
			try {
				next = await this.#source.next();
			} catch (error) {
				if (/^(Z_|ERR_.*ZLIB)/.test(String(/** @type {any} */ (error)?.code))) {
					throw new ArchiveError(`the archive is damaged: ${wordsOf(error)}`, { cause: error });
				}
				throw error;
			}
			if (next.done) {
				return this.#rest;
			}
			this.#rest = next.value;
		}
		const found = this.#rest.subarray(0, size);
		this.#rest = this.#rest.subarray(size);
		return found;
	}

	/**
	 * Exactly so many, in pieces.
	 * @param {number} size
	 */
	async *pieces(size) {
		for (let left = size; left > 0;) {
			const piece = await this.some(Math.min(left, PIECE));
			if (piece.length === 0) {
				throw new ArchiveError("the archive ends before its end");
			}
			left -= piece.length;
			yield piece;
		}
	}

	/** @param {number} size */
	async exactly(size) {
		const parts = [];
		for await (const piece of this.pieces(size)) {
			parts.push(piece);
		}
		return joined(parts, size);
	}
}

/** @param {Uint8Array} field */
function tarNumber(field) {
	let value = 0;
	if (field[0] === 0x80) {
		for (const byte of field.subarray(1)) {
			value = value * 256 + byte;
		}
	} else {
		const digits = latin1(field).replace(/^[ \0]+|[ \0]+$/g, "");
		value = /^[0-7]*$/.test(digits) ? parseInt(digits || "0", 8) : NaN;
	}
	if (!Number.isSafeInteger(value)) {
		throw new ArchiveError("the archive is damaged: a header makes no sense");
	}
	return value;
}

/** @param {Uint8Array} bytes */
function latin1(bytes) {
	let text = "";
	for (const byte of bytes) {
		text += String.fromCharCode(byte);
	}
	return text;
}

/** @param {Uint8Array} bytes */
function untilNul(bytes) {
	const end = bytes.indexOf(0);
	return end < 0 ? bytes : bytes.subarray(0, end);
}

/** @param {Uint8Array} bytes */
function shownName(bytes) {
	return `'${new TextDecoder().decode(bytes.subarray(0, 300)).replace(/[\x00-\x1f\x7f]/g, "?")}'`;
}

/**
 * The parts of a safe relative path, or ArchiveError.
 * @param {Uint8Array} name
 * @param {boolean} isWindows
 */
function safeParts(name, isWindows) {
	let text;
	try {
		text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(name);
	} catch {
		throw new ArchiveError(`the archive has a name that is not UTF-8: ${shownName(name)}`);
	}
	const parts = text.split("/").filter((part) => part !== ".");
	if (parts.length === 0 || parts.includes("") || parts.includes("..") || /[\\\x00-\x1f\x7f]/.test(text)) {
		throw new ArchiveError(`the archive has a name that leaves the folder or isn't plain: ${shownName(name)}`);
	}
	for (const part of isWindows ? parts : []) {
		const device = part.split(".")[0].replace(/ +$/, "").toUpperCase();
		if (/[<>:"|?*]|[ .]$/.test(part) || /^(CON|PRN|AUX|NUL|(COM|LPT)[0-9\xb9\xb2\xb3])$/.test(device)) {
			throw new ArchiveError(`the archive has a name that Windows can't keep: ${shownName(name)}`);
		}
	}
	return parts;
}

/** @typedef {{maxSize: number, maxFiles: number, isWindows: boolean}} UnpackLimits */

/** @type {Record<string, string>} */
const REFUSED = { 1: "a hard link", 2: "a symbolic link", 3: "a device", 4: "a device", 6: "a pipe" };

/**
 * The records of an extended header.
 * @param {Uint8Array} data
 */
function paxRecords(data) {
	/** @type {Map<string, Uint8Array>} */
	const found = new Map();
	while (data.length > 0) {
		const head = /^([0-9]{1,6}) ([^=]*)=/.exec(latin1(data.subarray(0, 300)));
		const length = head ? Number(head[1]) : 0;
		const key = head ? head[2] : "";
		const value = head ? data.subarray(head[0].length, length - 1) : data;
		if (!head || length > data.length || length <= head[0].length || data[length - 1] !== 0x0a || key.startsWith("GNU.sparse") ||
			(key === "size" && !/^[0-9]{1,15}$/.test(latin1(value)))) {
			throw new ArchiveError("the archive is damaged: an extended header makes no sense");
		}
		found.set(key, value);
		data = data.subarray(length);
	}
	return found;
}

/**
 * The regular files of a tar, as a stream. Anything but files and folders is an ArchiveError. Each must have its content read
 * before the next is taken.
 * @param {AsyncIterable<Uint8Array>} stream
 * @param {UnpackLimits} limits
 * @returns {AsyncGenerator<{parts: string[], size: number, isExecutable: boolean, mtime: number, content: AsyncIterable<Uint8Array>}>}
 */
async function* tarFiles(stream, { maxSize, maxFiles, isWindows }) {
	const bytes = new Bytes(stream);
	/** @type {Uint8Array | null} */
	let longName = null;
	/** @type {Map<string, Uint8Array>} */
	let pax = new Map();
	let files = 0, total = 0, headers = 0;
	for (;;) {
		const block = await bytes.exactly(512);
		if (block.every((byte) => byte === 0)) {
			return archiveEnd(bytes);
		}
		const sum = block.reduce((sofar, byte, i) => sofar + (i >= 148 && i < 156 ? 32 : byte), 0);
		if (sum !== tarNumber(block.subarray(148, 156))) {
			throw new ArchiveError("the archive is damaged: a header makes no sense");
		}
		let size = tarNumber(block.subarray(124, 136));
		const mode = tarNumber(block.subarray(100, 108)), mtime = tarNumber(block.subarray(136, 148));
		const kind = String.fromCharCode(block[156]);
		if (++headers > 4 * maxFiles) {
			throw new ArchiveError(`the archive has more than maxFiles (${maxFiles}) entries`);
		}
		if ("xgLK".includes(kind)) {
			if (size > PIECE) {
				throw new ArchiveError("the archive has a name that is too long");
			}
			const data = (await bytes.exactly(size + padding(size))).subarray(0, size);
			if (kind === "L") {
				longName = untilNul(data);
			} else if (kind === "x") {
				pax = paxRecords(data);
			}
			continue;
		}
		let name = untilNul(block.subarray(0, 100));
		const prefix = untilNul(block.subarray(345, 500));
		if (prefix.length > 0 && latin1(block.subarray(257, 263)) === "ustar\0") {
			name = joined([prefix, Uint8Array.of(0x2f), name], prefix.length + 1 + name.length);
		}
		name = pax.get("path") ?? longName ?? name;
		const paxSize = pax.get("size");
		size = paxSize ? Number(latin1(paxSize)) : size;
		longName = null;
		pax = new Map();
		if (kind === "5") {
			let end = name.length;
			while (end > 1 && name[end - 1] === 0x2f) {
				end--;
			}
			safeParts(name.subarray(0, end), isWindows);
			if (size > 0) {
				throw new ArchiveError("the archive is damaged: a folder has content");
			}
			continue;
		}
		if (kind !== "0" && kind !== "\0") {
			throw new ArchiveError(`the archive has ${REFUSED[kind] ?? "an entry of an unknown kind"}: ${shownName(name)}`);
		}
		files++;
		total += size;
		if (files > maxFiles) {
			throw new ArchiveError(`the archive has more than maxFiles (${maxFiles}) files`);
		}
		if (total > maxSize) {
			throw new ArchiveError(`the files are larger than maxSize (${maxSize} bytes)`);
		}
		yield { parts: safeParts(name, isWindows), size, isExecutable: (mode & 0o100) !== 0, mtime, content: bytes.pieces(size) };
		await bytes.exactly(padding(size));
	}
}

/** @param {number} size */
const padding = (size) => (512 - (size % 512)) % 512;

/**
 * To the last byte, so that the checksum is looked at.
 * @param {Bytes} bytes
 */
async function archiveEnd(bytes) {
	let size = 0;
	for (let piece = await bytes.some(PIECE); piece.length > 0; piece = await bytes.some(PIECE)) {
		size += piece.length;
		if (size > ERROR_BYTES) {
			throw new ArchiveError("the archive goes on after its end");
		}
	}
}

/**
 * Everything is unpacked aside first. So a bad archive leaves nothing, and each file appears whole.
 * @param {string} archive
 * @param {string} folder
 * @param {UnpackLimits} limits
 * @returns {Promise<string[]>}
 */
async function unpack(archive, folder, limits) {
	const fs = /** @type {typeof import("node:fs/promises")} */ (await nodeModule("fs/promises", "downloadFiles"));
	const path = /** @type {typeof import("node:path")} */ (await nodeModule("path", "downloadFiles"));
	const { createReadStream } = /** @type {typeof import("node:fs")} */ (await nodeModule("fs", "downloadFiles"));
	const zlib = /** @type {typeof import("node:zlib")} */ (await nodeModule("zlib", "downloadFiles"));
	await fs.mkdir(folder, { recursive: true });
	const aside = await fs.mkdtemp(path.join(folder, ".skillbox-"));
	try {
		/** @type {Map<string, string>} */
		const staged = new Map();
		const source = createReadStream(archive), stream = zlib.createGunzip({ chunkSize: PIECE });
		source.on("error", (error) => stream.destroy(error));
		source.pipe(stream);
		try {
			for await (const { parts, isExecutable, mtime, content } of tarFiles(stream, limits)) {
				const name = parts.join("/"), place = path.join(aside, String(staged.size));
				if (staged.has(name)) {
					throw new ArchiveError(`the archive has a name twice: '${name}'`);
				}
				const file = await fs.open(place, "wx", isExecutable ? 0o755 : 0o644);
				try {
					for await (const piece of content) {
						await file.writeFile(piece);
					}
					await file.utimes(mtime, mtime).catch(() => {}); // a time that this file system can't keep
				} finally {
					await file.close();
				}
				staged.set(name, place);
			}
		} finally {
			source.destroy();
			stream.destroy();
		}
		const names = [...staged.keys()].sort(compareNames);
		for (const name of names) {
			await checkPlace(fs, path, folder, name.split("/"), staged);
		}
		const paths = [];
		for (const name of names) {
			const target = path.join(folder, ...name.split("/"));
			await fs.mkdir(path.dirname(target), { recursive: true });
			await fs.rename(/** @type {string} */ (staged.get(name)), target);
			paths.push(target);
		}
		return paths;
	} finally {
		await fs.rm(aside, { recursive: true, force: true });
	}
}

/**
 * What is in the folder already must not lead out of it, nor be in the way.
 * @param {typeof import("node:fs/promises")} fs
 * @param {typeof import("node:path")} path
 * @param {string} folder
 * @param {string[]} parts
 * @param {Map<string, unknown>} staged
 */
async function checkPlace(fs, path, folder, parts, staged) {
	let here = folder;
	for (let depth = 1; depth <= parts.length; depth++) {
		here = path.join(here, parts[depth - 1]);
		const isLast = depth === parts.length;
		if (!isLast && staged.has(parts.slice(0, depth).join("/"))) {
			throw new ArchiveError(`the archive has a file and a folder of one name: '${parts.slice(0, depth).join("/")}'`);
		}
		const info = await fs.lstat(here).catch((error) => {
			if (error.code === "ENOENT") {
				return null;
			}
			throw error;
		});
		if (info === null) {
			continue; // and all below it
		}
		if (isLast ? info.isDirectory() : info.isSymbolicLink() || !info.isDirectory()) {
			const what = isLast ? "a folder where a file belongs" : info.isSymbolicLink()
				? "a symbolic link: files are not written through it" : "a file where a folder belongs";
			throw new ArchiveError(`${here} is ${what}; remove it or choose another folder`);
		}
	}
}

// ---- the client

const CALL = ["signal", "timeout"];
const SUBMISSION = ["input", "version", "env", "idempotencyKey", "runTimeout", ...CALL];

/**
 * The REST API of a Skillbox server. A client may be used by any number of calls at once.
 */
export class Client {
	#base;
	#timeout;
	#maxRetries;
	#fetch;
	/** @type {Record<string, string>} */
	#common = { "Accept-Encoding": "identity" };
	/** @type {Record<string, string>} */
	#keyed;
	#reached = 0; // when an answer has last been read to its end

	/**
	 * @param {string} [baseUrl] where the server is; `SKILLBOX_SERVER_URL` if left out, else http://localhost:8080
	 * @param {string} [apiKey] `SKILLBOX_API_KEY` if left out
	 * @param {ClientOptions} [options]
	 */
	constructor(baseUrl, apiKey, options) {
		const given = optionsOf(options, "new Client", ["tenantId", "timeout", "maxRetries", "fetch"]);
		if (typeof baseUrl === "object" && baseUrl !== null) {
			throw new TypeError("new Client takes the base URL, the key and the options one after the other: new Client(url, key, {...})");
		}
		const url = parsedUrl(baseUrl || fromEnvironment("SKILLBOX_SERVER_URL") || DEFAULT_URL, "the base URL");
		if (url.username || url.password || url.search || url.hash) {
			throw new TypeError("the base URL must have no user, query or fragment; the key is an argument of its own");
		}
		this.#base = url.origin + url.pathname.replace(/\/+$/, "");
		const key = headerText(apiKey ? String(apiKey).trim() : fromEnvironment("SKILLBOX_API_KEY").trim(), "the API key", 4096);
		const tenant = headerText(given.tenantId ?? "", "tenantId", 256);
		this.#timeout = milliseconds(given.timeout, "timeout");
		this.#maxRetries = wholeNumber(given.maxRetries ?? 2, "maxRetries", 0);
		if (given.fetch !== undefined && typeof given.fetch !== "function") {
			throw new TypeError(`fetch must be a function, not ${kindOf(given.fetch)}`);
		}
		/** @type {typeof globalThis.fetch} */
		this.#fetch = given.fetch ?? ((...request) => globalThis.fetch(...request));
		if (/** @type {any} */ (globalThis).process?.versions?.node) {
			this.#common["User-Agent"] = `skillbox-typescript/${VERSION}`; // in a browser it would only be one more header to allow
		}
		this.#keyed = { ...this.#common };
		if (key) {
			this.#keyed.Authorization = `Bearer ${key}`;
		}
		if (tenant) {
			this.#keyed["X-Tenant-ID"] = tenant;
		}
	}

	/** Where the server is. */
	get baseUrl() {
		return this.#base;
	}

	/**
	 * Runs a skill and waits for its end, whatever comes of it: look at `status`, or use `raiseForStatus()`. After `timeout` comes
	 * `APITimeoutError`; the execution itself goes on, as it does when `signal` ends the call.
	 * @template [T=any]
	 * @param {string} skill
	 * @param {RunOptions} [options]
	 * @returns {Promise<RunResult<T>>}
	 */
	async run(skill, options) {
		const given = optionsOf(options, "run", [...SUBMISSION, "onLog"], ". What the skill is to get goes into {input: ...}");
		return await this.#execute(skill, given, given.onLog, false);
	}

	/**
	 * Starts a skill and returns at once; `wait` or `iterLogs` with the result's `executionId` go on from there.
	 * @template [T=any]
	 * @param {string} skill
	 * @param {SubmitOptions} [options]
	 * @returns {Promise<RunResult<T>>}
	 */
	async submit(skill, options) {
		const given = optionsOf(options, "submit", SUBMISSION, ". What the skill is to get goes into {input: ...}");
		return await this.#execute(skill, given, undefined, true);
	}

	/**
	 * Waits until an execution has ended. After `timeout`: `APITimeoutError`.
	 * @template [T=any]
	 * @param {string} executionId
	 * @param {CallOptions} [options]
	 * @returns {Promise<Execution<T>>}
	 */
	async wait(executionId, options) {
		return await this.#untilEnded(executionId, this.#call(optionsOf(options, "wait", CALL)));
	}

	/**
	 * The record of an execution as it is now.
	 * @template [T=any]
	 * @param {string} executionId
	 * @param {CallOptions} [options]
	 * @returns {Promise<Execution<T>>}
	 */
	async getExecution(executionId, options) {
		return await this.#record(executionId, this.#call(optionsOf(options, "getExecution", CALL)));
	}

	/**
	 * The log; of one that runs, what there is so far.
	 * @param {string} executionId
	 * @param {CallOptions} [options]
	 * @returns {Promise<string>}
	 */
	async getExecutionLogs(executionId, options) {
		return await this.#logs(executionId, this.#call(optionsOf(options, "getExecutionLogs", CALL)));
	}

	/**
	 * The log line by line, while the execution runs; it ends with it. A broken connection is opened again, and lines that were given
	 * are not repeated. The client's `timeout` doesn't count here: a log lasts as long as its run. The call's own does.
	 * @param {string} executionId
	 * @param {LogOptions} [options]
	 * @returns {AsyncGenerator<string, void, undefined>}
	 */
	async *iterLogs(executionId, options) {
		const given = optionsOf(options, "iterLogs", ["follow", ...CALL]);
		if (given.follow ?? true) {
			yield* this.#follow(executionId, this.#call(given, null));
			return;
		}
		const lines = (await this.#logs(executionId, this.#call(given))).split("\n");
		for (const line of lines[lines.length - 1] === "" ? lines.slice(0, -1) : lines) {
			yield line.endsWith("\r") ? line.slice(0, -1) : line;
		}
	}

	/**
	 * All executions, newest first, of that skill and status if given; without input, output and log, which `getExecution` has.
	 * `timeout` is that of each page.
	 * @param {ListOptions} [options]
	 * @returns {AsyncGenerator<Execution, void, undefined>}
	 */
	async *listExecutions(options) {
		const given = optionsOf(options, "listExecutions", ["skill", "status", "limit", ...CALL]);
		const query = new URLSearchParams();
		for (const [name, value] of Object.entries({ skill: given.skill, status: given.status })) {
			if (value) {
				query.set(name, value);
			}
		}
		query.set("limit", String(wholeNumber(given.limit ?? 50, "limit")));
		for (;;) {
			const page = await this.#ask(this.#request("GET", `/v1/executions?${query}`), this.#call(given), pageOf);
			yield* page.executions;
			if (page.next === "" || page.next === query.get("cursor")) {
				return;
			}
			query.set("cursor", page.next);
		}
	}

	/**
	 * Ends an execution. One that has ended already stays as it is.
	 * @param {string} executionId
	 * @param {CallOptions} [options]
	 * @returns {Promise<void>}
	 */
	async cancel(executionId, options) {
		const call = this.#call(optionsOf(options, "cancel", CALL));
		await this.#ask(this.#request("DELETE", `/v1/executions/${segment(executionId, "executionId")}`), call, () => undefined);
	}

	/**
	 * Puts the files of an execution into a folder and returns their paths in order; files of the same names are replaced. Nothing is
	 * written outside of the folder, no link is made or followed, and a bad archive (`ArchiveError`) leaves nothing behind.
	 * @param {RunResult<any>} result
	 * @param {string | URL} dir
	 * @param {DownloadOptions} [options]
	 * @returns {Promise<string[]>}
	 */
	async downloadFiles(result, dir, options) {
		const given = optionsOf(options, "downloadFiles", ["maxSize", "maxFiles", ...CALL]);
		const maxSize = wholeNumber(given.maxSize ?? UNPACK_BYTES, "maxSize", 0);
		const maxFiles = wholeNumber(given.maxFiles ?? UNPACK_FILES, "maxFiles");
		if (typeof result !== "object" || result === null || !Array.isArray(result.filesList)) {
			throw new TypeError(`downloadFiles takes the result of a run, not ${kindOf(result)}`);
		}
		if ((typeof dir !== "string" || dir === "") && !(dir instanceof URL)) {
			throw new TypeError(`the folder must be a path, not ${dir === "" ? "empty" : kindOf(dir)}`);
		}
		const call = this.#call(given);
		if (result.filesList.length === 0 && !result.filesUrl) {
			return [];
		}
		const fs = /** @type {typeof import("node:fs/promises")} */ (await nodeModule("fs/promises", "downloadFiles"));
		const os = /** @type {typeof import("node:os")} */ (await nodeModule("os", "downloadFiles"));
		const path = /** @type {typeof import("node:path")} */ (await nodeModule("path", "downloadFiles"));
		const folder = await placeOf(dir, "downloadFiles");
		const scratch = await fs.mkdtemp(path.join(os.tmpdir(), "skillbox-"));
		try {
			const archive = path.join(scratch, "files.tar.gz");
			await this.#fetchFiles(result, archive, maxSize, call);
			return await unpack(archive, folder, { maxSize, maxFiles, isWindows: path.sep === "\\" });
		} finally {
			await fs.rm(scratch, { recursive: true, force: true });
		}
	}

	/**
	 * Uploads a skill: the path of its folder (with a SKILL.md) or of a zip, or a zip's bytes. Left out of a folder: .git, .hg, .svn,
	 * __pycache__, __MACOSX, .DS_Store, Thumbs.db, ._*. It can be run at once, and is the latest version.
	 * @param {string | URL | Uint8Array} skill
	 * @param {CallOptions} [options]
	 * @returns {Promise<Skill>}
	 */
	async registerSkill(skill, options) {
		const call = this.#call(optionsOf(options, "registerSkill", CALL));
		return await this.#upload(skill, "/v1/skills", call, (value) => fill(emptySkill(), withAll(value, "name", "version")));
	}

	/**
	 * What the server says of a skill, without storing it.
	 * @param {string | URL | Uint8Array} skill
	 * @param {CallOptions} [options]
	 * @returns {Promise<Validation>}
	 */
	async validateSkill(skill, options) {
		const call = this.#call(optionsOf(options, "validateSkill", CALL));
		return await this.#upload(skill, "/v1/skills/validate", call, (value) => fill(emptyValidation(), withAll(value, "valid")));
	}

	/**
	 * Every version of every skill, by name, then version.
	 * @param {CallOptions} [options]
	 * @returns {Promise<Skill[]>}
	 */
	async listSkills(options) {
		const call = this.#call(optionsOf(options, "listSkills", CALL));
		return await this.#ask(this.#request("GET", "/v1/skills"), call, (text) => {
			const value = JSON.parse(text);
			if (!Array.isArray(value)) {
				throw new Nonsense("it is not a JSON array");
			}
			return value.map((one) => fill(emptySkill(), withAll(objectOf(one, "an item"), "name", "version")));
		});
	}

	/**
	 * @param {string} name
	 * @param {string} [version]
	 * @param {CallOptions} [options]
	 * @returns {Promise<SkillDetail>}
	 */
	async getSkill(name, version, options) {
		const call = this.#call(optionsOf(options, "getSkill", CALL));
		return await this.#ask(this.#request("GET", skillPath(name, version || "latest")), call, (text) =>
			fill(emptyDetail(), withAll(objectOf(JSON.parse(text)), "name", "version")));
	}

	/**
	 * Deletes one version. Executions of it keep their records.
	 * @param {string} name
	 * @param {string} version
	 * @param {CallOptions} [options]
	 * @returns {Promise<void>}
	 */
	async deleteSkill(name, version, options) {
		const call = this.#call(optionsOf(options, "deleteSkill", CALL));
		if (!version) {
			throw new TypeError("version must be given: deleting never means 'the latest'");
		}
		let attempts = 0;
		const request = this.#request("DELETE", skillPath(name, version));
		try {
			await this.#ask(request, call, () => undefined, { onAttempt: () => attempts++ });
		} catch (error) {
			// Where an attempt before this one deleted it, and only its answer was lost, all is well.
			if (!(error instanceof NotFoundError) || attempts < 2) {
				throw error;
			}
		}
	}

	/**
	 * `{status: "ok"}`, or an error. Needs no key.
	 * @param {CallOptions} [options]
	 * @returns {Promise<{status: string, [key: string]: unknown}>}
	 */
	async health(options) {
		const call = this.#call(optionsOf(options, "health", CALL));
		const request = { method: "GET", url: `${this.#base}/health`, headers: this.#common };
		return await this.#ask(request, call, (text) => /** @type {{status: string}} */ (objectOf(JSON.parse(text))));
	}

	// ---- how a call is made

	/**
	 * @param {CallOptions} given
	 * @param {number | null} [instead] of the client's timeout
	 * @returns {Call}
	 */
	#call(given, instead = this.#timeout) {
		const { signal } = given;
		if (signal !== undefined && signal !== null && typeof signal.addEventListener !== "function") {
			throw new TypeError(`signal must be an AbortSignal, not ${kindOf(signal)}`);
		}
		signal?.throwIfAborted();
		const timeout = milliseconds(given.timeout, "timeout") ?? instead;
		return { deadline: timeout === null ? null : performance.now() + timeout, signal: signal ?? undefined };
	}

	/**
	 * @param {string} method
	 * @param {string} path
	 * @param {Record<string, string>} [headers]
	 * @param {Uint8Array | string} [body]
	 * @returns {Request}
	 */
	#request(method, path, headers = {}, body) {
		return { method, url: this.#base + path, headers: { ...this.#keyed, Accept: "application/json", ...headers }, body };
	}

	/**
	 * Milliseconds until the next attempt; null: there is none.
	 * @param {SkillboxError} problem
	 * @param {number} failures
	 * @param {Call} call
	 */
	#pause(problem, failures, call) {
		let asked = null;
		if (problem instanceof APIError) {
			if (![429, 502, 503, 504].includes(problem.statusCode)) {
				return null;
			}
			asked = problem.retryAfter;
		}
		if (failures >= this.#maxRetries) {
			return null;
		}
		const pause = asked === null
			? Math.min(tuning.backoffMax, tuning.backoff * 2 ** failures) * (0.5 + Math.random() / 2)
			: asked * 1000 * (1 + Math.random() / 10);
		const latest = call.deadline ?? performance.now() + tuning.patience * 1.1;
		return performance.now() + pause < latest ? pause : null;
	}

	/**
	 * @typedef {object} Manner How a request is tried.
	 * @property {number} [silence] milliseconds without a byte
	 * @property {() => number} [progress] where it grows, the count of failures begins anew
	 * @property {Request} [patient] sent instead, once nothing came for `silence`, or an attempt has failed after a long time
	 * @property {() => void} [onAttempt]
	 */

	/**
	 * One request, tried again where that may help. consume reads the answer of a 2xx, and may give something on the way.
	 * @template Y, T
	 * @param {Request} request
	 * @param {Call} call
	 * @param {(exchange: Exchange) => AsyncGenerator<Y, T, undefined>} consume
	 * @param {Manner} manner
	 * @returns {AsyncGenerator<Y, T, undefined>}
	 */
	async *#attempts(request, call, consume, { silence = tuning.silence, progress = () => 0, patient, onAttempt }) {
		let failures = 0, reached = progress(), mayBeStale = true;
		for (;;) {
			const began = performance.now();
			const exchange = new Exchange(request, call, silence);
			/** @type {SkillboxError} */
			let problem;
			onAttempt?.();
			try {
				await exchange.open(this.#fetch, performance.now() - this.#reached < tuning.silence && this.#reached > 0);
				if (exchange.status >= 200 && exchange.status < 300) {
					const result = yield* consume(exchange);
					this.#reached = performance.now();
					return result;
				}
				problem = errorOf(exchange.status, exchange.headers, new TextDecoder().decode(await exchange.readAll(ERROR_BYTES)));
				this.#reached = performance.now();
			} catch (error) {
				if (error instanceof APIError) { // consume's: the end of a log
					problem = error;
				} else if (error instanceof Broken) {
					const isLate = call.deadline !== null && performance.now() >= call.deadline;
					if (error.stale && mayBeStale && !isLate) {
						mayBeStale = false;
						continue;
					}
					if (patient && error.timeout && !isLate && request !== patient) {
						request = patient;
						continue;
					}
					const Kind = error.timeout ? APITimeoutError : APIConnectionError;
					problem = new Kind(`${nameOf(request)}: ${isLate ? "the timeout is over" : error.message}`, { cause: error.cause });
					if (isLate || error.final) {
						throw problem;
					}
				} else {
					throw error;
				}
			} finally {
				exchange.close();
			}
			if (progress() !== reached) {
				failures = 0;
				reached = progress();
			}
			const pause = this.#pause(problem, failures, call);
			if (pause === null) {
				throw problem;
			}
			failures++;
			if (patient && performance.now() - began >= tuning.long) {
				request = patient;
			}
			await sleep(pause, call.signal);
		}
	}

	/**
	 * A request whose answer is read whole.
	 * @template T
	 * @param {Request} request
	 * @param {Call} call
	 * @param {(text: string) => T} read
	 * @param {Manner} [manner]
	 * @returns {Promise<T>}
	 */
	async #ask(request, call, read, manner = {}) {
		/** @param {Exchange} exchange */
		const consume = async function* (exchange) {
			const body = await exchange.readAll(ANSWER_BYTES);
			try {
				return read(strictText(body));
			} catch (error) {
				if (error instanceof Nonsense || error instanceof SyntaxError || error instanceof RangeError) {
					throw invalidAnswer(exchange, `${nameOf(request)}: the answer makes no sense: ${error.message}`);
				}
				throw error;
			}
		};
		return ended(this.#attempts(request, call, consume, manner));
	}

	/**
	 * @param {unknown} skill
	 * @param {SubmitOptions} given
	 * @param {((line: string) => unknown) | undefined} onLog
	 * @param {boolean} isAsync
	 * @returns {Promise<RunResult<any>>}
	 */
	async #execute(skill, given, onLog, isAsync) {
		if (typeof skill !== "string" || skill === "") {
			throw new TypeError(`skill must be a skill's name; it is ${skill === "" ? "empty" : kindOf(skill)}`);
		}
		if (onLog !== undefined && typeof onLog !== "function") {
			throw new TypeError(`onLog must be a function, not ${kindOf(onLog)}`);
		}
		const members = [`"skill":${JSON.stringify(skill)}`];
		if (given.version) {
			members.push(`"version":${jsonText(given.version, "version")}`);
		}
		if (given.input !== undefined) {
			members.push(`"input":${jsonText(given.input, "input")}`);
		}
		if (given.env !== undefined) {
			members.push(`"env":${jsonText(given.env, "env")}`);
		}
		if (given.runTimeout !== undefined) {
			members.push(`"timeout":${JSON.stringify(duration(given.runTimeout))}`);
		}
		if (isAsync || onLog) {
			members.push('"async":true');
		}
		const key = headerText(given.idempotencyKey ?? "", "idempotencyKey", 128) || (await newKey());
		const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
		const request = this.#request("POST", "/v1/executions", headers, `{${members.join(",")}}`);
		// Nothing comes while a skill runs, and proxies cut what is silent. Then the same execution is asked about now and again.
		const patient = { ...request, headers: { ...request.headers, Prefer: "respond-async" } };
		const silence = isAsync || onLog ? tuning.silence : tuning.runSilence;
		const call = this.#call(given);
		try {
			let result = await this.#ask(request, call, (text) => resultOf(RunResult, text), { silence, patient });
			if (onLog && !isAsync) {
				for await (const line of this.#follow(result.executionId, call)) {
					await onLog(line);
				}
			}
			if (!isAsync && (onLog || !result.ended)) {
				result = await this.#untilEnded(result.executionId, call);
			}
			return result;
		} catch (error) {
			if (error instanceof SkillboxError) {
				error.idempotencyKey = key;
			}
			throw error;
		}
	}

	/**
	 * @param {string} executionId
	 * @param {Call} call
	 * @returns {Promise<Execution<any>>}
	 */
	async #record(executionId, call) {
		const request = this.#request("GET", `/v1/executions/${segment(executionId, "executionId")}`);
		return await this.#ask(request, call, (text) => resultOf(/** @type {typeof Execution<any>} */ (Execution), text));
	}

	/**
	 * @param {string} executionId
	 * @param {Call} call
	 */
	async #untilEnded(executionId, call) {
		const began = performance.now();
		for (;;) {
			const record = await this.#record(executionId, call);
			if (record.ended) {
				return record;
			}
			const pause = Math.min(2_000, Math.max(50, (performance.now() - began) / 4));
			if (call.deadline !== null && performance.now() + pause > call.deadline) {
				throw new APITimeoutError(`execution ${executionId} is still ${record.status}: the timeout is over`);
			}
			await sleep(pause, call.signal);
		}
	}

	/**
	 * @param {string} executionId
	 * @param {Call} call
	 */
	async #logs(executionId, call) {
		const path = `/v1/executions/${segment(executionId, "executionId")}/logs`;
		return await this.#ask(this.#request("GET", path, { Accept: "text/plain" }), call, (text) => text);
	}

	/**
	 * Each line once, also over several connections. Every answer begins with the first line: those that were given are told by their
	 * hashes and left out. If a line is another (the middle of a long log is left out at its end), all from there on is given.
	 * @param {string} executionId
	 * @param {Call} call
	 * @returns {AsyncGenerator<string, void, undefined>}
	 */
	async *#follow(executionId, call) {
		const path = `/v1/executions/${segment(executionId, "executionId")}/logs?follow=true`;
		const request = this.#request("GET", path, { Accept: "text/event-stream" });
		/** @type {number[]} */
		const given = [];
		let count = 0;
		/**
		 * @param {Exchange} exchange
		 * @returns {AsyncGenerator<string, void, undefined>}
		 */
		const consume = async function* (exchange) {
			if (!exchange.headers.get("Content-Type")?.startsWith("text/event-stream")) {
				throw invalidAnswer(exchange, `${nameOf(request)}: the answer is no event stream`);
			}
			const events = new Events();
			let number = 0;
			for (let data = await exchange.read(); data !== null; data = await exchange.read()) {
				for (const { event, text } of events.feed(data)) {
					if (event === "end") {
						return;
					}
					if (event === "error") {
						throw errorOf(503, exchange.headers, text);
					}
					if (event !== "message") {
						continue;
					}
					const mark = markOf(text);
					if (number < given.length && given[number] === mark) {
						number++;
						continue;
					}
					given.length = number++;
					given.push(mark);
					count++;
					yield text;
				}
			}
			throw new Broken("the log ended without saying so");
		};
		yield* this.#attempts(request, call, consume, { progress: () => count });
	}

	/**
	 * @param {RunResult<any>} result
	 * @param {string} archive the file that becomes the archive
	 * @param {number} maxSize
	 * @param {Call} call
	 */
	async #fetchFiles(result, archive, maxSize, call) {
		const fs = /** @type {typeof import("node:fs/promises")} */ (await nodeModule("fs/promises", "downloadFiles"));
		/** @param {Exchange} exchange */
		const consume = async function* (exchange) {
			const file = await fs.open(archive, "w", 0o600);
			try {
				let size = 0;
				for (let piece = await exchange.read(); piece !== null; piece = await exchange.read()) {
					size += piece.length;
					if (size > maxSize + ERROR_BYTES) {
						throw new ArchiveError(`the files are larger than maxSize (${maxSize} bytes)`);
					}
					await file.writeFile(piece);
				}
			} finally {
				await file.close();
			}
		};
		/**
		 * A signed link is fetched without key and tenant.
		 * @param {string} url
		 */
		const fetchFrom = (url) => {
			const request = { method: "GET", url: parsedUrl(url, "the result's filesUrl").href, headers: this.#common };
			return ended(this.#attempts(request, call, consume, {}));
		};
		const url = result.filesUrl || (await this.#record(result.executionId, call)).filesUrl;
		try {
			await fetchFrom(url);
		} catch (error) {
			if (!(error instanceof APIError) || ![401, 403].includes(error.statusCode) || !result.executionId) {
				throw error;
			}
			const fresh = (await this.#record(result.executionId, call)).filesUrl; // links are good for an hour
			if (!fresh) {
				throw error;
			}
			await fetchFrom(fresh);
		}
	}

	/**
	 * @template T
	 * @param {string | URL | Uint8Array} skill
	 * @param {string} path
	 * @param {Call} call
	 * @param {(value: Record<string, any>) => T} read
	 */
	async #upload(skill, path, call, read) {
		const request = this.#request("POST", path, { "Content-Type": "application/zip" }, await packedSkill(skill));
		return await this.#ask(request, call, (text) => read(objectOf(JSON.parse(text))), { silence: UPLOAD_SILENCE });
	}
}

/**
 * @param {string} name
 * @param {string} version
 */
function skillPath(name, version) {
	return `/v1/skills/${segment(name, "name")}/${segment(version, "version")}`;
}

/** @param {unknown} value */
function duration(value) {
	return typeof value === "string" ? value : `${Math.max(1, Math.round(milliseconds(value, "runTimeout") ?? 0))}ms`;
}

/** Node.js 18 has the web's `crypto` in a module only. */
async function newKey() {
	const crypto = globalThis.crypto ?? (await nodeModule("crypto", "an idempotency key")).webcrypto;
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (/** @type {number} */ byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What a generator returns, when what it gives on the way is nobody's.
 * @template T
 * @param {AsyncGenerator<unknown, T, undefined>} generator
 * @returns {Promise<T>}
 */
async function ended(generator) {
	for (;;) {
		const { done, value } = await generator.next();
		if (done) {
			return value;
		}
	}
}

/**
 * For this module's own tests.
 * @internal
 */
export const _internal = { tuning, pieces, zipped, tarFiles, unpack, Events, markOf, retryAfterOf, crc32 };
