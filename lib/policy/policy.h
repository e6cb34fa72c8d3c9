/* What the operator allows: the settings that the API server and the controller both read, and what follows
 * from them.
 *
 * One ConfigMap feeds both programs, so a value that one of them takes and the other refuses leaves half a
 * Skillbox running. Hence one row for each setting, with bounds that are right for both; where they differed,
 * the narrower holds:
 *
 * - memory, 16 MiB to 1 TiB: no sandbox's runner starts with less, and the API server shows what the
 *   controller will make;
 * - output, 1 KiB to 64 MiB: it is whole in the memory of runner, controller and API server, and the last
 *   reads no more than 80 MiB back;
 * - files, 1 KiB to 4 GiB: the controller spools them in its own /tmp, and the API server takes them as one
 *   body;
 * - executions, 1 to 100,000 a tenant: a namespace holds no more. */
#ifndef SKILLBOX_POLICY_POLICY_H
#define SKILLBOX_POLICY_POLICY_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy {
	/* Separated by commas; image.h says what matches. */
	char *image_allowlist;
	/* Which Python they have: lib/wheel/images.h. */
	char *python_images;
	/* What a skill's requirements.txt asks for is fetched here, when it brings no wheels. */
	bool build_enabled;
	int64_t default_timeout_ms, max_timeout_ms;
	/* Bytes. */
	int64_t default_memory, max_memory;
	/* Millicores. */
	int64_t default_cpu, max_cpu;
	/* Bytes of a run's output.json, and of all its files. */
	int64_t max_output_size, max_files_size;
	/* Of a tenant: Executions that have not ended, and sandboxes. */
	int64_t max_concurrent;
};

#define POLICY_DEFAULT_ALLOWLIST "python:3.12-slim,python:3.11-slim,node:20-slim,node:22-slim,bash:5"
#define POLICY_DEFAULT_PYTHON_IMAGES                                                                         \
	"python:3.12-slim=cp312-manylinux_2_36_x86_64,python:3.11-slim=cp311-manylinux_2_36_x86_64"
#define POLICY_MEMORY_MIN ((int64_t)16 << 20)
#define POLICY_MEMORY_MAX ((int64_t)1 << 40)
#define POLICY_OUTPUT_MIN ((int64_t)1 << 10)
#define POLICY_OUTPUT_MAX ((int64_t)64 << 20)
#define POLICY_FILES_MIN ((int64_t)1 << 10)
#define POLICY_FILES_MAX ((int64_t)4 << 30)
#define POLICY_CONCURRENT_MAX 100000

/* The rows for a table of options (lib/base/options.h): POLICY_OPTIONS(struct controller_config, policy),
 * where `policy` is the member of type struct policy. */
/* clang-format off */
#define POLICY_OPTIONS(type, member) \
	{"SKILLBOX_IMAGE_ALLOWLIST", OPTION_STRING, offsetof(type, member.image_allowlist), \
	 POLICY_DEFAULT_ALLOWLIST, 0, 0, false, \
	 "images that skills may use, separated by commas; entries may pin a digest"}, \
	{"SKILLBOX_PYTHON_IMAGES", OPTION_STRING, offsetof(type, member.python_images), \
	 POLICY_DEFAULT_PYTHON_IMAGES, 0, 0, false, \
	 "which Python these images have, IMAGE=TARGET separated by commas; wheels are held against it"}, \
	{"SKILLBOX_BUILD_ENABLED", OPTION_BOOL, offsetof(type, member.build_enabled), \
	 "false", 0, 0, false, \
	 "what a skill's requirements.txt asks for is fetched by the controller, from an index of the operator's"}, \
	{"SKILLBOX_DEFAULT_TIMEOUT", OPTION_DURATION, offsetof(type, member.default_timeout_ms), \
	 "120s", 0, 0, false, "time a run may take when its skill doesn't say"}, \
	{"SKILLBOX_MAX_TIMEOUT", OPTION_DURATION, offsetof(type, member.max_timeout_ms), \
	 "10m", 0, 0, false, "longest time any run may take"}, \
	{"SKILLBOX_DEFAULT_MEMORY", OPTION_SIZE, offsetof(type, member.default_memory), \
	 "256Mi", POLICY_MEMORY_MIN, POLICY_MEMORY_MAX, false, \
	 "memory of a sandbox when its skill doesn't say"}, \
	{"SKILLBOX_MAX_MEMORY", OPTION_SIZE, offsetof(type, member.max_memory), \
	 "1Gi", POLICY_MEMORY_MIN, POLICY_MEMORY_MAX, false, "most memory a skill may ask for"}, \
	{"SKILLBOX_DEFAULT_CPU", OPTION_CPU, offsetof(type, member.default_cpu), \
	 "0.5", 0, 0, false, "CPU limit of a sandbox when its skill doesn't say"}, \
	{"SKILLBOX_MAX_CPU", OPTION_CPU, offsetof(type, member.max_cpu), \
	 "4", 0, 0, false, "most CPU a skill may ask for"}, \
	{"SKILLBOX_MAX_OUTPUT_SIZE", OPTION_SIZE, offsetof(type, member.max_output_size), \
	 "1Mi", POLICY_OUTPUT_MIN, POLICY_OUTPUT_MAX, false, "bytes of a run's output.json"}, \
	{"SKILLBOX_MAX_FILES_SIZE", OPTION_SIZE, offsetof(type, member.max_files_size), \
	 "256Mi", POLICY_FILES_MIN, POLICY_FILES_MAX, false, "bytes of all files of a run"}, \
	{"SKILLBOX_MAX_CONCURRENT_EXECS", OPTION_INT, offsetof(type, member.max_concurrent), \
	 "100", 1, POLICY_CONCURRENT_MAX, false, \
	 "executions of a tenant that have not ended, and sandboxes of a tenant"}
/* clang-format on */

/* Append "; PROBLEM" for each setting that contradicts another. */
void policy_find_problems(const struct policy *policy, struct buffer *problems);

/* How long a run may take. skill_ms: what its skill says, wished_ms: what its caller says, which may only
 * shorten; 0 where they say nothing. */
int64_t policy_timeout(const struct policy *policy, int64_t skill_ms, int64_t wished_ms);

/* Memory in bytes and CPU in millicores of a skill's sandboxes, from the quantity that the skill gives; NULL
 * or "": none. -1 if it is no quantity. */
int policy_memory(const struct policy *policy, const char *quantity, int64_t *ret, struct error *err);
int policy_cpu(const struct policy *policy, const char *quantity, int64_t *ret, struct error *err);

/* Of a sandbox's memory what its files may have: the skill's, the input and the results, whose file system is
 * memory. The rest is for what runs. */
static inline int64_t policy_room_for_files(int64_t memory)
{
	return memory / 4 * 3;
}

/* What so many files of so many bytes take of it: a file has whole pages of 4 KiB. */
static inline int64_t policy_room_of(int64_t files, int64_t bytes)
{
	return bytes + files * 4096;
}

/* ERR_IMAGE_NOT_ALLOWED unless the image is on the allowlist. */
int policy_check_image(const struct policy *policy, const char *image, struct error *err);

#endif
