#include "lib/api/tenant.h"

#include "lib/api/json.h"

#include <stdlib.h>

#define LABEL_MAX 63 /* bytes of a label's value */

static int read_labels(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	static const struct json_field fields[] = {
	    {API_TENANT_LABEL, json_read_string, offsetof(struct tenant, name), LABEL_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_metadata(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {{"labels", read_labels, 0, 0}};
	struct tenant *tenant = target;
	if (object_meta_read(value, path, max, &tenant->meta, err) != 0)
		return -1;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), tenant, err);
}

struct tenant *tenant_from_json(struct str json, struct error *err)
{
	static const struct json_field fields[] = {{"metadata", read_metadata, 0, 0}};
	if (json_check_object(json, err) != 0)
		return NULL;
	struct tenant *tenant = calloc(1, sizeof(*tenant));
	if (!tenant) {
		error_no_memory(err);
		return NULL;
	}
	if (json_read_object(json, NULL, fields, JSON_FIELD_COUNT(fields), tenant, err) != 0) {
		error_wrap(err, "Namespace");
		return tenant_free(tenant);
	}
	return tenant;
}

struct tenant *tenant_free(struct tenant *tenant)
{
	if (!tenant)
		return NULL;
	object_meta_clear(&tenant->meta);
	free(tenant->name);
	free(tenant);
	return NULL;
}
