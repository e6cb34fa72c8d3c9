/* The Skill custom resource: one object a version of a skill; its spec never changes. */
#ifndef SKILLBOX_API_SKILL_H
#define SKILLBOX_API_SKILL_H

#include "lib/api/meta.h"

#include "lib/base/cleanup.h"
#include "lib/base/error.h"

#include <stdbool.h>

#define API_SKILLS "skills"

struct skill_file {
	char *path, *text;
};

/* What inline files say of the script among them (lib/skill/judgement.h). */
struct skill_files_verdict {
	char *path;   /* of the script; "": there is none */
	char lang[8]; /* "": none */
	/* NULL, or why they can't be run, a line a reason, and the first one's code. */
	char *problem;
	enum error_code code;
};

/* What a skill depends on: a blob of its own (lib/run/packages.h), of which versions share one. */
struct skill_packages {
	struct blob_ref blob; /* digest NULL: it has none */
	char *lock;           /* digest of the archive's wheels/sha256sums, which says what they are */
	int64_t files, bytes; /* unpacked */
};

#define SKILL_BUILD_LOG_MAX ((size_t)16 << 10)
/* Reasons of Ready while there are no packages yet. */
#define SKILL_BUILDING "Building"
#define SKILL_BUILD_FAILED "BuildFailed"

/* How its packages were fetched here, or are being. */
struct skill_build {
	/* of what it was made from: skills of a tenant with the same have the same packages; NULL: not known
	 */
	char *key;
	char *log;
	int64_t attempt; /* which Pod it is: counted over all uploads */
	int64_t tries;   /* those of this upload */
	/* of the upload that it is for: another one is tried anew; 0: there was no build */
	int64_t uploaded_ms;
	int64_t started_ms, completed_ms;
};

struct skill {
	struct object_meta meta;
	/* NULL, or why the spec can't be used, for what the CRD's schema can't refuse. The spec is then
	 * empty, name and version "". */
	char *invalid;
	int64_t uploaded_ms; /* annotation API_UPLOADED_AT_ANNOTATION, else creationTimestamp */
	int64_t size;        /* bytes of the spec in JSON, as it was read */
	/* skill_keep_outline (lib/skill/outline.h) was here. Then instructions are NULL unless there are none
	 * or they were kept, the schemas NULL, files NULL with their number kept, and the description may be
	 * cut. */
	bool is_outline, is_description_cut;
	bool has_input_schema;                    /* of an outline: that there was one */
	struct skill_files_verdict files_verdict; /* of an outline of inline files */
	char *files_digest;                       /* of inline files; NULL: not computed */
	struct {
		char *name, *version, *description, *instructions;
		char *lang;  /* "python", "node", "bash" */
		char *image; /* "" : the language's default */
		int64_t
		    timeout_ms; /* spec.timeoutSeconds × 1,000, or spec.timeoutMilliseconds; 0: the default */
		char *cpu, *memory; /* spec.resources.cpu, .memory: quantities; "" : the default */
		char *input_schema, *output_schema; /* JSON text, NULL if none */
		char *entrypoint;                   /* path in the bundle; "" : found by the rule */
		struct blob_ref bundle; /* spec.source.bundle: the zip as uploaded, but for its wheels */
		struct skill_packages packages; /* spec.source.packages */
		bool build; /* spec.source.build: the controller makes the packages; status has them */
		struct skill_file *files; /* spec.source.files, instead of a bundle */
		size_t file_count;
	} spec;
	struct {
		struct condition ready;
		char *digest;                   /* of the content: the bundle's, or of the inline files */
		struct skill_packages packages; /* those that were built */
		struct skill_build build;
	} status;
};

/* What a run of it needs; digest NULL: none, or none yet. */
const struct skill_packages *skill_packages(const struct skill *skill);
/* Its packages are still to be built. */
bool skill_awaits_build(const struct skill *skill);
/* They were tried, as it was uploaded last, and won't come: Ready has the reason. */
bool skill_build_has_failed(const struct skill *skill);

/* From the JSON of a Kubernetes object. NULL with err if metadata or status can't be read; a bad spec gives
 * `invalid`. */
struct skill *skill_from_json(struct str json, struct error *err);
struct skill *skill_free(struct skill *skill);
CLEANUP_FUNCTION(skill)
#define cleanup_skill __attribute__((cleanup(skill_cleanup)))

/* The object to POST (meta.name, meta.namespace, uploaded_ms, spec). */
int skill_to_json(const struct skill *skill, struct buffer *out, struct error *err);
/* A merge patch for /status. */
int skill_status_patch(const struct skill *skill, struct buffer *out, struct error *err);

/* The name of a Skill object: NAME made DNS-1123-safe and cut, "-", 10 hex digits of SHA-256 over name,
 * version and digest. */
int skill_object_name(struct str name, struct str version, struct str digest, struct buffer *out,
		      struct error *err);

#endif
