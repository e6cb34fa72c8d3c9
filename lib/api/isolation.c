#include "lib/api/isolation.h"

#include "lib/api/json.h"

#include <stdlib.h>
#include <string.h>

#define RECENT 8 /* as many kinds of sandboxes as are likely at work at a time */

/* Lists to compare with, without references of their own: who frees a list takes it out. */
static struct isolation *recent[RECENT];
static size_t oldest;

struct isolation *isolation_new(size_t count, struct error *err)
{
	struct isolation *isolation = calloc(1, sizeof(*isolation));
	if (isolation && count > 0 && !(isolation->layers = calloc(count, sizeof(*isolation->layers)))) {
		free(isolation);
		isolation = NULL;
	}
	if (!isolation) {
		error_no_memory(err);
		return NULL;
	}
	isolation->references = 1;
	isolation->count = count;
	return isolation;
}

struct isolation *isolation_ref(struct isolation *isolation)
{
	if (isolation)
		isolation->references++;
	return isolation;
}

struct isolation *isolation_unref(struct isolation *isolation)
{
	if (!isolation || --isolation->references > 0)
		return NULL;
	for (size_t i = 0; i < RECENT; i++)
		if (recent[i] == isolation)
			recent[i] = NULL;
	for (size_t i = 0; i < isolation->count; i++) {
		free(isolation->layers[i].name);
		free(isolation->layers[i].detail);
	}
	free(isolation->layers);
	free(isolation);
	return NULL;
}

static int read_layer(struct str value, const struct json_path *path, int64_t max, void *target,
		      struct error *err)
{
	static const struct json_field fields[] = {
	    {"name", json_read_string, offsetof(struct execution_layer, name), JSON_NAME_MAX},
	    {"active", json_read_bool, offsetof(struct execution_layer, active), 0},
	    {"detail", json_read_string, offsetof(struct execution_layer, detail), JSON_MESSAGE_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

int isolation_read(struct str value, const struct json_path *path, int64_t max, void *target,
		   struct error *err)
{
	struct isolation **ret = target, *isolation = isolation_new(0, err);
	if (!isolation)
		return -1;
	int result = json_read_list(value, path, max, sizeof(*isolation->layers), read_layer,
				    (void **)&isolation->layers, &isolation->count, err);
	*ret = result == 0 ? isolation_share(isolation) : isolation_unref(isolation);
	return result;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same(const struct isolation *a, const struct isolation *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->layers[i].active != b->layers[i].active ||
		    !is_same_text(a->layers[i].name, b->layers[i].name) ||
		    !is_same_text(a->layers[i].detail, b->layers[i].detail))
			return false;
	return true;
}

struct isolation *isolation_share(struct isolation *isolation)
{
	for (size_t i = 0; i < RECENT; i++) {
		if (!recent[i] || recent[i] == isolation || !is_same(recent[i], isolation))
			continue;
		struct isolation *shared = isolation_ref(recent[i]);
		isolation_unref(isolation);
		return shared;
	}
	for (size_t i = 0; i < RECENT; i++)
		if (recent[i] == isolation)
			return isolation;
	recent[oldest] = isolation;
	oldest = (oldest + 1) % RECENT;
	return isolation;
}
