/**
 * Skillbox from JavaScript and TypeScript: run skills for AI agents in sandboxes of their own.
 *
 *     import { Client } from "skillbox-sdk";
 *
 *     const client = new Client("http://localhost:8080", "sk-...");
 *     const result = await client.run("greet", { input: { name: "World" } });
 *     console.log(result.output);
 *
 * Durations are milliseconds; only `retryAfter` is seconds, as in the header of that name.
 */

export const VERSION: string;

/** What every call takes. */
export interface CallOptions {
	/** Ends the call. What was asked for may go on at the server. */
	signal?: AbortSignal;
	/**
	 * Milliseconds that the call may take in all, attempts and pauses included, instead of the client's. Then `APITimeoutError`.
	 */
	timeout?: number | null;
}

export interface ClientOptions {
	/** Checked by the server against the key's tenant; not needed. */
	tenantId?: string;
	/**
	 * Milliseconds that a call may take in all, attempts and pauses included. null: as long as it takes, but all except `run` end
	 * after a minute without a byte.
	 */
	timeout?: number | null;
	/** How often a call is tried again, after lost connections and the answers 429, 502, 503 and 504. 2 if left out. */
	maxRetries?: number;
	/** Used instead of the global one, for example behind a proxy. */
	fetch?: typeof globalThis.fetch;
}

export interface SubmitOptions extends CallOptions {
	/** Anything that JSON can say; `RawJSON` for text that is sent as it stands. */
	input?: unknown;
	/** The newest if left out. */
	version?: string;
	/** Environment variables for the script. */
	env?: Record<string, string>;
	/** The same key within 24 hours gives the same execution. Without one, one is made for the call. */
	idempotencyKey?: string;
	/** Text like "30s", or milliseconds, after which the run itself is ended. It can only shorten the skill's. */
	runTimeout?: string | number;
}

export interface RunOptions extends SubmitOptions {
	/** Called with each line of the log while it runs; a promise is waited for. */
	onLog?: (line: string) => unknown;
}

export interface LogOptions extends CallOptions {
	/** Until the execution ends (true, if left out), or what there is (false). */
	follow?: boolean;
}

export interface ListOptions extends CallOptions {
	skill?: string;
	status?: Status;
	/** How many are asked for at once. 50 if left out, at most 200. */
	limit?: number;
}

export interface DownloadOptions extends CallOptions {
	/** Bytes, unpacked. 4 GiB if left out. */
	maxSize?: number;
	/** 20,000 if left out. */
	maxFiles?: number;
}

/** The REST API of a Skillbox server. A client may be used by any number of calls at once. */
export class Client {
	/**
	 * @param baseUrl where the server is; `SKILLBOX_SERVER_URL` if left out, else http://localhost:8080
	 * @param apiKey `SKILLBOX_API_KEY` if left out
	 */
	constructor(baseUrl?: string, apiKey?: string, options?: ClientOptions);

	/** Where the server is. */
	readonly baseUrl: string;

	/**
	 * Runs a skill and waits for its end, whatever comes of it: look at `status`, or use `raiseForStatus()`. After `timeout` comes
	 * `APITimeoutError`; the execution itself goes on, as it does when `signal` ends the call.
	 */
	run<T = any>(skill: string, options?: RunOptions): Promise<RunResult<T>>;

	/** Starts a skill and returns at once; `wait` or `iterLogs` with the result's `executionId` go on from there. */
	submit<T = any>(skill: string, options?: SubmitOptions): Promise<RunResult<T>>;

	/** Waits until an execution has ended. After `timeout`: `APITimeoutError`. */
	wait<T = any>(executionId: string, options?: CallOptions): Promise<Execution<T>>;

	/** The record of an execution as it is now. */
	getExecution<T = any>(executionId: string, options?: CallOptions): Promise<Execution<T>>;

	/** The log; of one that runs, what there is so far. */
	getExecutionLogs(executionId: string, options?: CallOptions): Promise<string>;

	/**
	 * The log line by line, while the execution runs; it ends with it. A broken connection is opened again, and lines that were
	 * given are not repeated. The client's `timeout` doesn't count here: a log lasts as long as its run. The call's own does.
	 */
	iterLogs(executionId: string, options?: LogOptions): AsyncGenerator<string, void, undefined>;

	/**
	 * All executions, newest first, of that skill and status if given; without input, output and log, which `getExecution` has.
	 * `timeout` is that of each page.
	 */
	listExecutions(options?: ListOptions): AsyncGenerator<Execution, void, undefined>;

	/** Ends an execution. One that has ended already stays as it is. */
	cancel(executionId: string, options?: CallOptions): Promise<void>;

	/**
	 * Puts the files of an execution into a folder and returns their paths in order; files of the same names are replaced. Nothing
	 * is written outside of the folder, no link is made or followed, and a bad archive (`ArchiveError`) leaves nothing behind.
	 */
	downloadFiles(result: RunResult, dir: string | URL, options?: DownloadOptions): Promise<string[]>;

	/**
	 * Uploads a skill: the path of its folder (with a SKILL.md) or of a zip, or a zip's bytes. Left out of a folder: .git, .hg,
	 * .svn, __pycache__, __MACOSX, .DS_Store, Thumbs.db, ._*. It can be run at once, and is the latest version.
	 */
	registerSkill(skill: string | URL | Uint8Array, options?: CallOptions): Promise<Skill>;

	/** What the server says of a skill, without storing it. */
	validateSkill(skill: string | URL | Uint8Array, options?: CallOptions): Promise<Validation>;

	/** Every version of every skill, by name, then version. */
	listSkills(options?: CallOptions): Promise<Skill[]>;

	/** @param version the newest if left out */
	getSkill(name: string, version?: string, options?: CallOptions): Promise<SkillDetail>;

	/** Deletes one version. Executions of it keep their records. */
	deleteSkill(name: string, version: string, options?: CallOptions): Promise<void>;

	/** `{status: "ok"}`, or an error. Needs no key. */
	health(options?: CallOptions): Promise<{ status: string; [key: string]: unknown }>;
}

/** JSON text that is sent as it stands, as `input`: every digit, every blank. `new RawJSON('{"n": 1.10}')` */
export class RawJSON {
	constructor(text: string);
	readonly text: string;
	toJSON(): never;
	toString(): string;
}

export type Status = "pending" | "running" | "success" | "failed" | "timeout" | "cancelled";

/** What came of a run, or of one that still goes on (`status` `pending` or `running`). */
export class RunResult<T = any> {
	constructor(executionId: string, status: Status);
	executionId: string;
	status: Status;
	/**
	 * The skill's output, as `JSON.parse` makes it; undefined if there is none. Numbers of more than 15 digits lose some: see
	 * `outputText`.
	 */
	output: T | undefined;
	/** The output as JSON text, byte for byte as the server sent it; empty if there is none. */
	outputText: string;
	filesList: string[];
	filesUrl: string;
	logs: string;
	logsTruncated: boolean;
	exitCode: number | null;
	durationMs: number | null;
	/** Milliseconds: queue, sandbox, start, run, collect, total. */
	timings: Record<string, number>;
	warm: boolean | null;
	/** Why it waits, of one that is pending: a word, and in `message` a sentence. */
	reason: string;
	message: string;
	isolation: { name: string; active: boolean; detail?: string }[];
	/** What went wrong; null on success. */
	error: string | null;
	errorCode: string;
	/** Whether there is something for `downloadFiles`. */
	get hasFiles(): boolean;
	/** Whether nothing will change any more. */
	get ended(): boolean;
	get succeeded(): boolean;
	/** Throws `SkillFailed` if the run failed, timed out or was cancelled; else gives itself. */
	raiseForStatus(): this;
}

/** The record of an execution. */
export class Execution<T = any> extends RunResult<T> {
	skillName: string;
	skillVersion: string;
	tenantId: string;
	createdAt: string;
	startedAt: string;
	finishedAt: string;
	input: any;
	/** The input as JSON text, byte for byte. */
	inputText: string;
	skillDigest: string;
	image: string;
}

/** A version of a skill, as lists show it and `registerSkill` returns it. */
export interface Skill {
	name: string;
	version: string;
	description: string;
	lang: string;
	digest: string;
	uploadedAt: string;
	/** `instructions` if there is nothing to run, else `executable`. */
	mode: string;
	status: string;
}

/** A version of a skill with all that the server tells of it. */
export interface SkillDetail extends Skill {
	image: string;
	instructions: string;
	timeout: string;
	resources: Record<string, string>;
	/** A JSON Schema; undefined if there is none. */
	inputSchema: any;
	outputSchema: any;
	size: number;
}

/** What the server says of a skill that was not stored. */
export interface Validation {
	valid: boolean;
	name: string;
	version: string;
	problems: string[];
	warnings: string[];
}

/** What all errors of this module are. */
export class SkillboxError extends Error {
	constructor(message: string, options?: { cause?: unknown });
	/**
	 * The key that a `run` or `submit` was sent with, else empty: the same call with it again gives the same execution instead of a
	 * second one.
	 */
	idempotencyKey: string;
}

/**
 * The server refused. `errorCode` is its word (`not_found`), `message` says what was wrong and what to do, `retryAfter` in how
 * many seconds to come back, if it said so.
 */
export class APIError extends SkillboxError {
	constructor(statusCode: number, errorCode: string, message: string, more?: { requestId?: string; retryAfter?: number | null });
	statusCode: number;
	errorCode: string;
	requestId: string;
	retryAfter: number | null;
	/** With status, code and request id. */
	toString(): string;
}

/** 401: no key, or one that is wrong or revoked. */
export class AuthenticationError extends APIError {}

/** 403: the key lacks the scope, or is another tenant's. */
export class PermissionDeniedError extends APIError {}

/** 404: no such skill or execution. */
export class NotFoundError extends APIError {}

/** 409: the idempotency key was used with another request. */
export class ConflictError extends APIError {}

/** 400, 413, 415 or 422: what was sent can't be used; the message says why. */
export class InvalidInputError extends APIError {}

/** 429: too many requests (`rate_limited`) or executions (`no_capacity`); come back after `retryAfter` seconds. */
export class RateLimitError extends APIError {}

/** 5xx: the server or something between failed; or its answer makes no sense. */
export class ServerError extends APIError {}

/** No whole answer came: the server can't be reached, or the connection was cut. */
export class APIConnectionError extends SkillboxError {}

/** Time was over before the answer came. What was asked for may go on at the server. */
export class APITimeoutError extends APIConnectionError {}

/** The files of an execution came as an archive that is damaged, too large or not safe to unpack. Nothing was written. */
export class ArchiveError extends SkillboxError {}

/** The skill ran and failed, timed out or was cancelled. `result` is all that came of it. */
export class SkillFailed extends SkillboxError {
	constructor(result: RunResult);
	result: RunResult;
}
