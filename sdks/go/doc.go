// Package skillbox is the Go SDK of Skillbox, which runs skills for AI agents: JSON in, JSON and files out, each
// execution in a sandbox of its own.
//
//	client := skillbox.New("http://localhost:8080", "sk-...")
//	result, err := client.Run(ctx, skillbox.RunRequest{
//		Skill: "greet",
//		Input: map[string]string{"name": "World"},
//	})
//	if err != nil {
//		return err // the server refused, or no answer came
//	}
//	if err := result.Err(); err != nil {
//		return err // the skill failed, timed out or was cancelled
//	}
//	fmt.Println(string(result.Output))
//
// A [Client] may be shared by goroutines. It needs nothing but the standard library.
//
// # Time
//
// The context says how long a call may take in all, with its retries and pauses. Without a deadline, [Client.Run],
// [Client.Wait] and [Client.FollowLogs] take as long as the execution; all calls but Run end after a minute without
// a byte (uploads: five minutes).
//
// # Retries
//
// Lost connections and the answers 429, 502, 503 and 504 are tried again, twice unless [WithMaxRetries] says
// otherwise: after Retry-After, else after 0.5 s, 1 s, 2 s … at most 8 s, less up to a half at random. A pause that
// would go beyond the context's deadline isn't begun. [Client.Run] and [Client.Submit] always send an idempotency
// key, so that a retry never runs a skill twice.
//
// # Errors
//
// What the server refuses is an [*APIError]; errors.Is tells the kinds apart ([ErrNotFound], [ErrRateLimit], …).
// Where no whole answer came it is a [*ConnectionError]. A run that failed is an answer, not an error:
// [RunResult.Err] makes one of it.
//
// # Bytes
//
// JSON that passes through keeps every digit and the order of its keys: [RunResult.Output] is the text as the server
// sent it, and a [encoding/json.RawMessage] as [RunRequest.Input] is sent as it stands.
package skillbox
