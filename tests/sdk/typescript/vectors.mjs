// Runs vectors of tests/contract with the SDK. Each line of stdin is {"id", "url", "key", "vector", "scratch"}, each line of stdout
// {"id", "problems"}: what was not as the vector says. tests/sdk/test_typescript.py plays the server's part. Any number of them
// run at once.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import path from "node:path";
import readline from "node:readline";
import { setImmediate } from "node:timers/promises";

import * as skillbox from "../../../sdks/typescript/skillbox.js";

skillbox._internal.tuning.backoff = 20;

const KINDS = {
	invalid_input: skillbox.InvalidInputError, authentication: skillbox.AuthenticationError,
	permission_denied: skillbox.PermissionDeniedError, not_found: skillbox.NotFoundError, conflict: skillbox.ConflictError,
	rate_limit: skillbox.RateLimitError, server: skillbox.ServerError, api: skillbox.APIError,
	connection: skillbox.APIConnectionError, timeout: skillbox.APITimeoutError, archive: skillbox.ArchiveError,
	skill_failed: skillbox.SkillFailed,
};

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const renamed = (value) => Object.fromEntries(Object.entries(value).map(([key, one]) => [camel(key), one]));
const shown = (value) => JSON.stringify(value) ?? String(value);

// What a method gets before its options, by the vectors' names.
const POSITIONAL = {
	run: ["skill"], submit: ["skill"], wait: ["execution_id"], get_execution: ["execution_id"], get_execution_logs: ["execution_id"],
	iter_logs: ["execution_id"], list_executions: [], cancel: ["execution_id"], download_files: ["result", "dir"],
	register_skill: ["path"], validate_skill: ["path"], list_skills: [], get_skill: ["name", "version"],
	delete_skill: ["name", "version"], health: [],
};

function argumentsOf(call, before, scratch, lines) {
	const given = { ...call.arguments };
	if ("raw_input" in given) {
		given.input = new skillbox.RawJSON(given.raw_input);
		delete given.raw_input;
	}
	if (given.path === "$FOLDER") {
		given.path = path.join(scratch, "skill");
	}
	if (given.on_log) {
		given.on_log = (line) => lines.push(line);
	}
	if (typeof given.timeout === "number") {
		given.timeout *= 1000;
	}
	if (call.method === "download_files") {
		Object.assign(given, { result: before, dir: path.join(scratch, "out") });
	}
	const first = POSITIONAL[call.method].map((name) => {
		const value = given[name];
		delete given[name];
		return value;
	});
	return [...first, renamed(given)];
}

async function make(client, call, before, scratch, lines) {
	const given = client[camel(call.method)](...argumentsOf(call, before, scratch, lines));
	if (call.method !== "iter_logs" && call.method !== "list_executions") {
		return given;
	}
	const all = [];
	for await (const one of given) {
		all.push(one);
	}
	return all;
}

function differences(wanted, found, where = "result") {
	if (Array.isArray(wanted)) {
		if (!Array.isArray(found) || found.length !== wanted.length) {
			return [`${where} is ${shown(found)}, not ${shown(wanted)}`];
		}
		return wanted.flatMap((one, i) => differences(one, found[i], `${where}[${i}]`));
	}
	if (wanted !== null && typeof wanted === "object" && found !== null && typeof found === "object") {
		// The SDK's own objects have more, and other names; a skill's JSON has neither.
		const isOurs = where === "result" || /^result\[\d+\]$/.test(where);
		return Object.keys(wanted).flatMap((key) => differences(wanted[key], found[isOurs ? camel(key) : key], `${where}.${key}`));
	}
	const isNone = wanted === null && found === undefined; // no output, or no result at all
	return isNone || Object.is(wanted, found) ? [] : [`${where} is ${shown(found)}, not ${shown(wanted)}`];
}

function errorDifferences(wanted, error) {
	const Kind = KINDS[wanted.kind];
	if (!(error instanceof Kind)) {
		return [`the error is ${error?.stack}, not of the kind ${wanted.kind}`];
	}
	const problems = [];
	if ((wanted.kind === "api" || wanted.kind === "connection") && error.constructor !== Kind) {
		problems.push(`the error is ${error.name}, which is more than ${wanted.kind}`);
	}
	if (error.name !== error.constructor.name) {
		problems.push(`the error's name is ${error.name}, its class ${error.constructor.name}`);
	}
	for (const [key, name] of Object.entries({ status: "statusCode", code: "errorCode", retry_after: "retryAfter", request_id: "requestId" })) {
		if (key in wanted && wanted[key] !== error[name]) {
			problems.push(`the error's ${name} is ${shown(error[name])}, not ${shown(wanted[key])}`);
		}
	}
	if (!error.message.includes(wanted.has ?? "")) {
		problems.push(`the error lacks '${wanted.has}': ${error.message}`);
	}
	return problems;
}

async function filesBelow(folder, prefix = "") {
	const found = {};
	for (const entry of await fs.readdir(path.join(folder, prefix), { withFileTypes: true })) {
		const name = prefix + entry.name;
		if (entry.isDirectory()) {
			Object.assign(found, await filesBelow(folder, `${name}/`));
		} else {
			found[name] = await fs.readFile(path.join(folder, name), "utf8");
		}
	}
	return found;
}

function sameValue(a, b) {
	try {
		assert.deepEqual(a, b);
		return true;
	} catch {
		return false;
	}
}

async function run({ url, key, vector, scratch }) {
	const { api_key: apiKey = key, ...options } = vector.client ?? {};
	if (options.timeout) {
		options.timeout *= 1000;
	}
	const client = new skillbox.Client(url, apiKey, renamed(options));
	const problems = [], out = path.join(scratch, "out");
	let lines = [], result, error;
	await fs.mkdir(out);
	for (const [name, text] of Object.entries(vector.folder ?? {})) {
		const file = path.join(scratch, "skill", name);
		await fs.mkdir(path.dirname(file), { recursive: true });
		await fs.writeFile(file, text);
	}
	const last = vector.calls[vector.calls.length - 1].method;
	for (const call of vector.calls) {
		if (error) {
			problems.push(`a call before the last failed: ${error.stack}`);
			break;
		}
		try {
			result = await make(client, call, result, scratch, lines);
			await setImmediate(); // Node uses a connection again from the next turn of its loop on
		} catch (problem) {
			if (!(problem instanceof skillbox.SkillboxError)) {
				return [`not an error of the SDK: ${problem?.stack}`];
			}
			error = problem;
		}
	}
	if (last === "iter_logs" && !error) {
		lines = result;
	}
	const files = await filesBelow(out);
	if (vector.files && !sameValue(files, vector.files)) {
		problems.push(`the files are ${shown(files)}, not ${shown(vector.files)}`);
	}
	if (last === "download_files" && !error) {
		result = result.map((file) => path.relative(out, file));
	}
	const beside = (await fs.readdir(scratch)).filter((name) => name !== "out" && name !== "skill");
	if (beside.length > 0) {
		problems.push(`beside the folder there is ${beside}`);
	}
	if (vector.error) {
		problems.push(...errorDifferences(vector.error, error));
	} else if (error) {
		problems.push(`unexpected: ${error.stack}`);
	}
	if ("result" in vector) {
		problems.push(...differences(vector.result, result));
	}
	if (vector.lines && !sameValue(lines, vector.lines)) {
		problems.push(`the lines are ${shown(lines)}, not ${shown(vector.lines)}`);
	}
	return problems;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
	const task = JSON.parse(line);
	run(task).catch((error) => [`the runner failed: ${error?.stack}`]).then((problems) => {
		process.stdout.write(`${JSON.stringify({ id: task.id, problems })}\n`);
	});
}
