/* The sandbox protocol: what the controller and the runner (PID 1 of a sandbox) say to each other over the
 * exec stream.
 *
 * A frame: 4 bytes payload length (big endian), 1 byte type, payload. Integers are big endian; text is a
 * 4-byte length and bytes. Every length is bounded by FRAME_MAX_PAYLOAD before memory is taken for it. The
 * peer of a frame that breaks a rule is not trusted any more: the connection ends with an error that says so.
 *
 * One connection:
 *
 *   controller → runner   HELLO, then for a new job  (FILE DATA*)* JOB ENV* (FILE DATA*)* INPUT DATA* START,
 *                         later maybe CANCEL; PACKAGE may stand for each FILE, and PACKED for a row of
 *                         PACKAGE, FILE and DATA
 *   runner → controller   HELLO (state), STARTED, … EXIT (OBJECT DATA*)* END, or FAILED
 *
 * The files before JOB are those of a skill that will be wanted here: unpacked ahead, they cost the execution
 * no time. START counts them too. A file that comes after JOB may not have the name of one that came before.
 * A controller that wants to know whether they are all there says HELLO again behind the last of them, before
 * JOB: the runner answers HELLO (LOADING) when it has unpacked them. If it could not, FAILED is the answer.
 *
 * The runner keeps the result. A controller that connects later (restart, lost stream) says HELLO and, in
 * state RUNNING or FINISHED, gets STARTED … END from the start again; it must not send a second JOB. A new
 * connection replaces an older one, unless that is of a later controller: each start of a controller has a
 * generation that is larger than every earlier one, HELLO carries it, and the runner keeps the largest. An
 * older one is told FAILED (FRAME_SUPERSEDED), and nothing changes for the newer. Files and a job that had
 * not reached START when their connection ended are forgotten: the runner is WAITING again, with
 * /sandbox/scripts empty.
 *
 * A stream that ends without END (or FAILED) is an error, never a success. */
#ifndef SKILLBOX_FRAME_FRAME_H
#define SKILLBOX_FRAME_FRAME_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAME_VERSION 5
/* Of a peer that is still understood: its HELLO has no generation. */
#define FRAME_VERSION_OLDEST 3
/* The first that knows generations; the first that knows PACKAGE and PACKED. */
#define FRAME_VERSION_GENERATION 4
#define FRAME_VERSION_PACKED 5
#define FRAME_HEADER_SIZE 5
#define FRAME_MAX_PAYLOAD (160u * 1024)
#define FRAME_DATA_SIZE (64u * 1024)              /* what senders put into one DATA frame at most */
#define FRAME_PACKED_SIZE (128u * 1024)           /* bytes of the frames in a PACKED */
#define FRAME_PACKED_MAX (FRAME_MAX_PAYLOAD - 4u) /* of what they are packed into */

#define FRAME_MAX_PATH 1024u     /* bytes of a relative path, in either direction */
#define FRAME_MAX_PATH_DEPTH 32u /* components */
#define FRAME_MAX_ENV 256u       /* variables */
#define FRAME_MAX_ENV_NAME 256u
#define FRAME_MAX_ENV_VALUE (128u * 1024 - 256) /* Linux takes 128 KiB a string (MAX_ARG_STRLEN) */
/* A skill's own files and its packages together: 2,000 (4,096 inline ones) and 20,000; 200 MiB and 512 MiB.
 */
#define FRAME_MAX_BUNDLE_FILES 24096u
#define FRAME_MAX_BUNDLE_BYTES (768ull << 20)
#define FRAME_MAX_INPUT (64ull << 20)
#define FRAME_MAX_LAYERS 32u
#define FRAME_MAX_TOKEN 256u
#define FRAME_MAX_NAME 128u                /* execution id, interpreter, reason, name of a layer, version */
#define FRAME_MAX_TEXT 2048u               /* message, detail of a layer */
#define FRAME_MAX_REASON 1920u             /* with the words before it, it stays within 2 KiB */
#define FRAME_MAX_LOGS (64u << 20)         /* the runner keeps them in memory */
#define FRAME_MAX_MTIME ((1ull << 33) - 1) /* what a tar header has room for: the year 2242 */

enum frame_type {
	FRAME_HELLO = 1, /* both ways */
	/* controller → runner */
	FRAME_JOB = 2,
	FRAME_ENV = 3,
	FRAME_FILE = 4,
	FRAME_INPUT = 5,
	FRAME_START = 6,
	FRAME_CANCEL = 7,
	FRAME_DATA = 8,    /* both ways: bytes of the FILE, PACKAGE, INPUT or OBJECT before it */
	FRAME_PACKAGE = 9, /* as FILE, of what the skill depends on: below /sandbox/packages */
	FRAME_PACKED = 10, /* frames compressed: packed.h */
	/* runner → controller */
	FRAME_STARTED = 16,
	FRAME_EXIT = 17,
	FRAME_OBJECT = 18,
	FRAME_END = 19,
	FRAME_FAILED = 20,
};

enum frame_state {
	FRAME_STATE_WAITING = 0,
	FRAME_STATE_LOADING = 1, /* has a FILE or JOB */
	FRAME_STATE_RUNNING = 2,
	FRAME_STATE_FINISHED = 3
};

enum frame_exit_reason {
	FRAME_EXITED = 0,    /* by itself; exit_code as the process gave it */
	FRAME_SIGNALED = 1,  /* exit_code is 128 + signal */
	FRAME_TIMED_OUT = 2, /* the tree was killed at the deadline; exit_code 137 */
	FRAME_CANCELLED = 3, /* the tree was killed on CANCEL; exit_code 137 */
	/* The kernel's out-of-memory killer took a process of the tree and the script died of it; 137. */
	FRAME_OOM = 4,
};

enum frame_object_kind {
	FRAME_LOGS_HEAD = 1, /* the first bytes of the log, at most half of max_logs */
	/* The last bytes, when the log was longer than max_logs; not contiguous with the head unless total
	 * fits. */
	FRAME_LOGS_TAIL = 2,
	FRAME_OUTPUT = 3,   /* /sandbox/out/output.json as it stands */
	FRAME_OUT_FILE = 4, /* one regular file below /sandbox/out/files */
	/* Why the script failed, as the end of its log tells it: one line of UTF-8, at most FRAME_MAX_REASON.
	 */
	FRAME_REASON = 5,
};

/* flags of an object, each of one kind */
#define FRAME_OBJECT_TOO_LARGE 1u  /* OUTPUT above max_output: size is the real size, no DATA follows */
#define FRAME_OBJECT_EXECUTABLE 1u /* OUT_FILE that its owner may execute */

struct frame_hello_request { /* controller → runner */
	uint16_t version;
	struct str token; /* the Pod's token (environment variable SKILLBOX_TOKEN of PID 1) */
	/* Of this start of the controller; 0 before version 4. What a later version adds comes behind it, and
	 * is not read here; the answer says which version is spoken. */
	uint64_t generation;
};

struct frame_layer {     /* one layer of isolation, as the runner found it in force */
	struct str name; /* "seccomp", "landlock", "no_new_privs", … */
	bool active;
	struct str detail; /* active: e.g. "ABI 7"; absent: why */
};

struct frame_hello { /* runner → controller */
	uint16_t version;
	enum frame_state state;
	struct str execution_id; /* of the job it has, empty in WAITING */
	struct str note;         /* of that job */
	struct str runner_version;
	unsigned layer_count;
	struct frame_layer layers[FRAME_MAX_LAYERS];
};

struct frame_job {
	struct str execution_id;
	struct str note;          /* nothing to the runner, which tells it in later HELLOs; may be empty */
	struct str interpreter;   /* "python", "node" or "bash": looked up in the image's PATH */
	struct str script;        /* path in the bundle: "main.py", "scripts/run.sh" */
	uint32_t timeout_ms;      /* of the run, from the start of the script; > 0 */
	uint32_t max_output;      /* bytes of output.json */
	uint32_t max_logs;        /* bytes of log kept */
	uint64_t max_files_bytes; /* total of files below out/files */
	uint32_t max_files_count;
};

struct frame_env {
	struct str name, value;
};

struct frame_file {
	struct str path; /* relative, '/' between components, no empty, "." or ".." component */
	uint32_t mode;   /* permission bits; only 0111 matters (executable or not) */
	uint64_t size;
};

struct frame_packed {
	uint32_t size;    /* bytes of the frames in it */
	struct str bytes; /* LZ4 block */
};

struct frame_input {
	uint64_t size;
};

struct frame_start { /* what was sent, to be compared with what arrived */
	uint32_t file_count;
	uint64_t byte_count; /* of files and input together */
};

struct frame_started {
	uint64_t load_us; /* from JOB to here: unpacking */
};

struct frame_exit {
	enum frame_exit_reason reason;
	int32_t exit_code;
	uint64_t run_us;        /* from the start of the script to its end */
	uint64_t logs_total;    /* bytes the script wrote to stdout and stderr */
	uint32_t files_skipped; /* symlinks and special files below out/files */
	bool files_over_limit;  /* more bytes or files than allowed: those beyond are left out */
	bool parked;            /* an interpreter that was waiting already ran the script */
};

struct frame_object {
	enum frame_object_kind kind;
	uint32_t flags;
	struct str path; /* OUT_FILE: relative, same rules as frame_file; otherwise empty */
	uint64_t size;
	uint64_t mtime; /* OUT_FILE: last change, seconds since 1970; otherwise 0 and not sent */
};

struct frame_end {
	uint32_t object_count;
	uint64_t byte_count; /* of DATA since EXIT */
};

/* The reason of a FAILED by which an older controller is sent away. */
#define FRAME_SUPERSEDED "superseded"

/* The job could not be run (bad bundle path, no interpreter, a layer could not be set …). */
struct frame_failed {
	struct str
	    reason; /* "bad_job", "no_interpreter", "lockdown_failed", "protocol", "io", FRAME_SUPERSEDED */
	struct str message; /* for people */
};

struct frame {
	enum frame_type type;
	bool from_runner; /* tells the two HELLOs apart */
	union {
		struct frame_hello_request hello_request;
		struct frame_hello hello;
		struct frame_job job;
		struct frame_env env;
		struct frame_file file; /* FILE and PACKAGE */
		struct frame_packed packed;
		struct frame_input input;
		struct frame_start start;
		struct frame_started started;
		struct frame_exit exit;
		struct frame_object object;
		struct frame_end end;
		struct frame_failed failed;
		struct str data;
	};
};

/* "JOB", "DATA", … for messages. */
const char *frame_type_name(enum frame_type type);

/* Append one encoded frame to out. Fails if a bound is broken (ERR_PROTOCOL) or out is full
 * (ERR_UNAVAILABLE); out is then as it was. No text may contain NUL. A DATA frame carries 1 … FRAME_DATA_SIZE
 * bytes. */
int frame_encode(const struct frame *frame, struct buffer *out, struct error *err);

/* Take the first frame of `bytes`. 1: *ret_frame is set (its strings point into bytes) and *ret_used are its
 * bytes; 0: more bytes are needed; -1: the peer broke a rule (ERR_PROTOCOL). `from_runner`: who sent the
 * bytes; types that this side doesn't send are refused. */
int frame_decode(struct str bytes, bool from_runner, struct frame *ret_frame, size_t *ret_used,
		 struct error *err);

/* The rule for relative paths of FILE and OUT_FILE: 1 … FRAME_MAX_PATH bytes, ≤ FRAME_MAX_PATH_DEPTH
 * components, none of them empty, "." or ".."; no NUL. */
bool frame_path_is_valid(struct str path);

/* Names that a caller's environment may not set, whatever the case (PATH, HOME, LD_*, PYTHON*, … SANDBOX_*,
 * SKILL_*), and names that are no names (empty, '=', NUL, not [A-Za-z_][A-Za-z0-9_]*). Used by the API
 * server, the controller and again by the runner. */
bool frame_env_name_is_allowed(struct str name);

#endif
