/* The Execution custom resource: one run of a skill. Its spec never changes, but for `cancel`. */
#ifndef SKILLBOX_API_EXECUTION_H
#define SKILLBOX_API_EXECUTION_H

#include "lib/api/isolation.h"
#include "lib/api/meta.h"
#include "lib/base/cleanup.h"

#define API_EXECUTIONS "executions"
/* RFC 3339 with ms: creationTimestamp has whole seconds. */
#define REQUESTED_AT_ANNOTATION "skillbox.dev/requested-at"

/* Larger texts go to the blob store and are referred to (etcd takes 1.5 MiB an object). */
#define EXECUTION_INLINE_INPUT (256 * 1024)
#define EXECUTION_INLINE_OUTPUT (256 * 1024)
#define EXECUTION_INLINE_LOGS (32 * 1024)

/* Bounds of the CRD on what the status holds; the writer cuts the texts, the rest is the caller's to keep. */
#define EXECUTION_MAX_ERROR 8192 /* bytes of error and of a condition's message */
#define EXECUTION_MAX_LAYER_DETAIL 1024
#define EXECUTION_MAX_LAYERS 32
#define EXECUTION_MAX_FILES 1000               /* names in status.files … */
#define EXECUTION_MAX_FILES_BYTES (256 * 1024) /* … and their bytes together */
#define EXECUTION_MAX_PATH 1024

/* Reasons of the condition Succeeded. */
#define REASON_PENDING "Pending"     /* Unknown: seen, no sandbox yet */
#define REASON_RUNNING "Running"     /* Unknown */
#define REASON_SUCCEEDED "Succeeded" /* True */
#define REASON_FAILED "Failed"       /* False; errorCode tells more */
#define REASON_TIMED_OUT "TimedOut"  /* False */
#define REASON_CANCELLED "Cancelled" /* False */

struct execution_timings { /* milliseconds, < 0: not known */
	double queue, sandbox, start, run, collect, total;
};

struct execution {
	struct object_meta meta;
	int64_t requested_ms; /* annotation REQUESTED_AT_ANNOTATION, else creationTimestamp */
	/* NULL, or why the spec can't be run, for what the CRD's schema can't refuse (input that is no JSON
	 * or too deep, NULs, …): the object is to be failed with this message. The spec is then empty,
	 * skill_name "". */
	char *invalid;
	/* execution_drop_data or execution_keep_outline was here: what is missing is not known to be absent.
	 */
	bool is_outline;
	/* Of one without its variables: the name of one that it may not set; NULL: there was none. Whoever
	 * knows the rule sets it before they go. */
	char *refused_env;
	struct {
		char *skill_name;
		char *skill_version; /* "" or "latest": the newest */
		/* JSON text: spec.inputText as it is, else the raw text of spec.input; NULL if neither. */
		char *input;
		struct blob_ref
		    input_ref; /* spec.inputRef, instead, when larger than EXECUTION_INLINE_INPUT */
		struct env_var *env;
		size_t env_count;
		/* spec.timeoutSeconds, or spec.timeoutMilliseconds if that is given; 0: the skill's. */
		int64_t timeout_ms;
		int64_t ttl_seconds; /* spec.ttlSecondsAfterFinished; -1: the controller's default */
		bool cancel;
	} spec;
	struct {
		struct condition succeeded;
		int64_t started_ms,
		    completed_ms; /* startTime, completionTime (micro time in JSON); 0: not yet */
		char *pod_name;
		int64_t attempt; /* sandboxes lost and replaced so far */
		bool has_exit_code;
		int64_t exit_code;
		char *output; /* JSON text, minified; NULL if none or by reference */
		struct blob_ref output_ref;
		char *error, *error_code; /* NULL on success */
		char *logs;               /* whole log if short, else its last part */
		struct blob_ref logs_ref; /* the whole kept log, when longer than EXECUTION_INLINE_LOGS */
		bool logs_truncated;      /* the kept log has a gap */
		char **files;             /* relative paths in lexical order */
		size_t file_count;
		struct blob_ref files_ref; /* files.tar.gz */
		int64_t duration_ms;
		struct execution_timings timings;
		bool warm;
		char *skill_version; /* the version that ran */
		char *skill_digest, *image, *image_id;
		struct isolation *isolation; /* NULL: none was reported */
	} status;
};

/* From the JSON of a Kubernetes object. NULL with err if metadata or status can't be read; a bad spec gives
 * `invalid`. */
struct execution *execution_from_json(struct str json, struct error *err);
struct execution *execution_free(struct execution *execution);
CLEANUP_FUNCTION(execution)
#define cleanup_execution __attribute__((cleanup(execution_cleanup)))

/* Bytes of what its user may make large: input and variables, output, log, names of files. */
size_t execution_data_size(const struct execution *execution);
/* Free that. References to blobs stay. */
void execution_drop_data(struct execution *execution);
/* Of one that has ended, keep who it is, when and how it ended, and for how long it stays; what its readers
 * want (input, output, logs, files, layers, image) is freed. */
void execution_keep_outline(struct execution *execution);

/* The object to POST. meta.namespace, meta.name, spec (input is written as inputText). */
int execution_to_json(const struct execution *execution, struct buffer *out, struct error *err);
/* A merge patch for /status with every field of status that is set (of one that has ended with completed_ms,
 * the figures of its end, too); guarded by metadata.resourceVersion if `guard`. */
int execution_status_patch(const struct execution *execution, bool guard, struct buffer *out,
			   struct error *err);

/* The member "timings" of an object: those that are known. */
void execution_put_timings(const struct execution_timings *timings, struct buffer *out);

bool execution_is_finished(const struct execution *execution); /* condition Succeeded is True or False */
/* The REST word: pending running success failed timeout cancelled. */
const char *execution_rest_status(const struct execution *execution);
/* The id REST clients use: the object's name if that is a UUID, else its UID. */
const char *execution_id(const struct execution *execution);

#endif
