#include "lib/api/lease.h"

#include "lib/api/json.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_DURATION_SECONDS (24 * 60 * 60)

static int read_spec(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	static const struct json_field fields[] = {
	    {"holderIdentity", json_read_string, offsetof(struct lease, holder), JSON_NAME_MAX},
	    {"renewTime", json_read_time, offsetof(struct lease, renewed_ms), 0},
	    {"leaseDurationSeconds", json_read_count, offsetof(struct lease, duration_seconds),
	     MAX_DURATION_SECONDS},
	    {"leaseTransitions", json_read_count, offsetof(struct lease, transitions), LEASE_TRANSITIONS_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_lease(struct str json, struct lease *lease, struct error *err)
{
	static const struct json_field fields[] = {
	    {"metadata", object_meta_read, offsetof(struct lease, meta), 0},
	    {"spec", read_spec, 0, 0},
	};
	if (json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), lease, err) != 0)
		return error_wrap(err, "Lease");
	if (!lease->meta.name)
		return error_set(err, ERR_BAD_REQUEST, "Lease: metadata: is missing");
	if (!lease->holder && !(lease->holder = str_dup(STR(""))))
		return error_no_memory(err);
	return 0;
}

struct lease *lease_from_json(struct str json, struct error *err)
{
	if (json_check_object(json, err) != 0)
		return NULL;
	struct lease *lease = calloc(1, sizeof(*lease));
	if (!lease) {
		error_no_memory(err);
		return NULL;
	}
	return read_lease(json, lease, err) == 0 ? lease : lease_free(lease);
}

struct lease *lease_free(struct lease *lease)
{
	if (!lease)
		return NULL;
	object_meta_clear(&lease->meta);
	free(lease->holder);
	free(lease);
	return NULL;
}

int lease_to_json(const struct lease_write *write, struct buffer *out, struct error *err)
{
	char renewed[CLOCK_MICRO_TIME_SIZE];
	clock_format_micro_time(write->now_ms, renewed);
	json_open(out, '{');
	json_put_string(out, "apiVersion", "coordination.k8s.io/v1");
	json_put_string(out, "kind", "Lease");
	json_key(out, "metadata");
	json_open(out, '{');
	json_put_string(out, "name", write->name);
	if (write->resource_version)
		json_put_string(out, "resourceVersion", write->resource_version);
	json_close(out, '}');
	json_key(out, "spec");
	json_open(out, '{');
	if (write->holder)
		json_put_string(out, "holderIdentity", write->holder);
	json_put_int(out, "leaseDurationSeconds", write->duration_seconds);
	if (write->transitions > 0)
		json_put_int(out, "leaseTransitions", write->transitions);
	json_put_string(out, "renewTime", renewed);
	json_close(out, '}');
	json_close(out, '}');
	return buffer_check(out, "the Lease", err);
}
