// Only tsc reads this: skillbox.d.ts, which is written by hand, promises what skillbox.js does, and all of it; and it is of use.

import * as made from "./implementation/skillbox.js";
import * as sdk from "skillbox-sdk";

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type Public = Exclude<keyof typeof made, "_internal">;
type Methods<C> = { [K in keyof C]: C[K] extends (...given: any) => unknown ? Parameters<C[K]>["length"] : C[K] };

// Whatever is promised is there and of that type, and nothing is there that isn't promised.
export const promised: typeof sdk = made;
export const exported: Same<Public, keyof typeof sdk> = true;
export const members: [
	Same<Methods<made.Client>, Methods<sdk.Client>>,
	Same<keyof made.RunResult, keyof sdk.RunResult>,
	Same<keyof made.Execution, keyof sdk.Execution>,
	Same<keyof made.APIError, keyof sdk.APIError>,
	Same<keyof made.SkillFailed, keyof sdk.SkillFailed>,
	Same<keyof made.RawJSON, keyof sdk.RawJSON>,
	Same<made.Skill, sdk.Skill>,
	Same<made.SkillDetail, sdk.SkillDetail>,
	Same<made.Validation, sdk.Validation>,
	Same<made.ClientOptions, sdk.ClientOptions>,
	Same<made.RunOptions, sdk.RunOptions>,
	Same<made.SubmitOptions, sdk.SubmitOptions>,
	Same<made.LogOptions, sdk.LogOptions>,
	Same<made.ListOptions, sdk.ListOptions>,
	Same<made.DownloadOptions, sdk.DownloadOptions>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, true, true, true];

export async function useful(client: sdk.Client) {
	const result = await client.run<{ greeting: string }>("greet", { input: { name: "World" }, signal: new AbortController().signal });
	const greeting: string | undefined = result.output?.greeting;
	const code: number | null = result.raiseForStatus().exitCode;
	for await (const line of client.iterLogs(result.executionId)) {
		line.toUpperCase();
	}
	for await (const execution of client.listExecutions({ status: "failed" })) {
		const name: string = execution.skillName;
		await client.cancel(name, { timeout: 100 });
	}
	try {
		await client.downloadFiles(result, "out");
	} catch (error) {
		if (error instanceof sdk.RateLimitError) {
			const seconds: number | null = error.retryAfter;
			return [greeting, code, seconds];
		}
	}
	// @ts-expect-error: the input belongs into {input: ...}
	await client.run("greet", { name: "World" });
	// @ts-expect-error: no such status
	client.listExecutions({ status: "done" });
	// @ts-expect-error: no string
	new sdk.Client({ baseUrl: "http://localhost:8080" });
	return [];
}
