/* What one tenant can use up, and what all together can, in the API server: one row for each limit.
 * docs/limits.md tells what happens beyond each, the chart sets them (`config`), and
 * tests/assurance/test_options.py holds the three together.
 *
 * The bounds: a namespace holds no more than 100,000 objects of a kind with the memory that both programs
 * have; sizes of texts count bytes in etcd, which keeps 8 GiB at most; connections are descriptors, of which
 * a container has a million. */
#ifndef SKILLBOX_POLICY_LIMITS_H
#define SKILLBOX_POLICY_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct limits {
	/* Of a tenant, what is kept: versions of skills; bytes of these in etcd (instructions, schemas, texts
	 * of scripts); Executions, ended ones included; bytes of these in etcd; bytes of its blobs. */
	int64_t max_skills, max_skills_size, max_stored_executions, max_stored_executions_size,
	    max_stored_size;
	/* Of a tenant: requests that wait for an end or follow a run. */
	int64_t max_waiting_calls;
	/* Of all: bytes of bodies and answers under way, in memory and in files. A tenant has a quarter, in
	 * files at least one body of the largest size. */
	int64_t transfer_memory, transfer_size;
	int64_t max_connections, max_connections_per_address;
	/* From a connection to the end of its first request's headers. */
	int64_t header_timeout_ms;
	/* How old what is known of keys and tenants may be. */
	int64_t key_max_age_ms;
};

#define LIMITS_OBJECTS_MAX 100000
#define LIMITS_SKILLS_SIZE_MAX ((int64_t)4 << 30)
#define LIMITS_EXECUTIONS_SIZE_MAX ((int64_t)4 << 30)
#define LIMITS_STORED_SIZE_MIN ((int64_t)1 << 20)
#define LIMITS_STORED_SIZE_MAX ((int64_t)1 << 40)
#define LIMITS_TRANSFER_MEMORY_MIN ((int64_t)4 << 20)
#define LIMITS_TRANSFER_MEMORY_MAX ((int64_t)16 << 30)
#define LIMITS_TRANSFER_SIZE_MIN ((int64_t)64 << 20)
#define LIMITS_TRANSFER_SIZE_MAX ((int64_t)1 << 40)
#define LIMITS_CONNECTIONS_MIN 16
#define LIMITS_CONNECTIONS_MAX 100000

/* The rows for a table of options (lib/base/options.h), where `limits` is the member of type struct limits.
 */
/* clang-format off */
#define LIMITS_OPTIONS(type, member) \
	{"SKILLBOX_MAX_SKILLS", OPTION_INT, offsetof(type, member.max_skills), \
	 "1000", 1, LIMITS_OBJECTS_MAX, false, "versions of skills that a tenant keeps"}, \
	{"SKILLBOX_MAX_SKILLS_SIZE", OPTION_SIZE, offsetof(type, member.max_skills_size), \
	 "64Mi", 1, LIMITS_SKILLS_SIZE_MAX, false, \
	 "bytes of their instructions, schemas and inline files"}, \
	{"SKILLBOX_MAX_STORED_EXECUTIONS", OPTION_INT, offsetof(type, member.max_stored_executions), \
	 "20000", 1, LIMITS_OBJECTS_MAX, false, \
	 "executions that a tenant has in the cluster, those included that have ended and are still kept"}, \
	{"SKILLBOX_MAX_STORED_EXECUTIONS_SIZE", OPTION_SIZE, \
	 offsetof(type, member.max_stored_executions_size), "512Mi", 1, LIMITS_EXECUTIONS_SIZE_MAX, false, \
	 "bytes of these in etcd: inputs, outputs and logs that are small enough to be there"}, \
	{"SKILLBOX_MAX_STORED_SIZE", OPTION_SIZE, offsetof(type, member.max_stored_size), \
	 "4Gi", LIMITS_STORED_SIZE_MIN, LIMITS_STORED_SIZE_MAX, false, \
	 "bytes that a tenant keeps in the embedded store: bundles, inputs, outputs, logs, files"}, \
	{"SKILLBOX_MAX_WAITING_CALLS", OPTION_INT, offsetof(type, member.max_waiting_calls), \
	 "200", 1, LIMITS_CONNECTIONS_MAX, false, \
	 "requests of a tenant that wait for the end of a run or follow one"}, \
	{"SKILLBOX_TRANSFER_MEMORY", OPTION_SIZE, offsetof(type, member.transfer_memory), \
	 "32Mi", LIMITS_TRANSFER_MEMORY_MIN, LIMITS_TRANSFER_MEMORY_MAX, false, \
	 "bytes in memory of all bodies and answers under way; a tenant has a quarter"}, \
	{"SKILLBOX_TRANSFER_SIZE", OPTION_SIZE, offsetof(type, member.transfer_size), \
	 "1Gi", LIMITS_TRANSFER_SIZE_MIN, LIMITS_TRANSFER_SIZE_MAX, false, \
	 "bytes in files of all bodies and answers under way; a tenant has a quarter"}, \
	{"SKILLBOX_MAX_CONNECTIONS", OPTION_INT, offsetof(type, member.max_connections), \
	 "1024", LIMITS_CONNECTIONS_MIN, LIMITS_CONNECTIONS_MAX, false, \
	 "open connections; one more takes the place of an idle one, or is answered with 503"}, \
	{"SKILLBOX_MAX_CONNECTIONS_PER_ADDRESS", OPTION_INT, \
	 offsetof(type, member.max_connections_per_address), "768", LIMITS_CONNECTIONS_MIN, \
	 LIMITS_CONNECTIONS_MAX, false, \
	 "open connections from one address, which may be a proxy's; one more is treated the same"}, \
	{"SKILLBOX_HEADER_TIMEOUT", OPTION_DURATION, offsetof(type, member.header_timeout_ms), \
	 "10s", 0, 0, false, "time that the headers of a connection's first request may take to come"}, \
	{"SKILLBOX_KEY_MAX_AGE", OPTION_DURATION, offsetof(type, member.key_max_age_ms), \
	 "5m", 0, 0, false, \
	 "keys and tenants are believed for so long while their watch is down; then requests are answered " \
	 "with 503"}
/* clang-format on */

#endif
