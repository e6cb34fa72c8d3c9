#include "apiserver/skill/read.h"

#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "apiserver/skill/delete.h"
#include "apiserver/skill/skill_path.h"

#include <stdlib.h>

static const char what_failed[] = "the skill could not be read";

struct skill_reading {
	struct operation operation;
	/* Copies, for messages. */
	char *name, *version;
	/* NULL: it was called. */
	skill_read_cb done;
	void *context;
};

static struct skill_reading *of(struct operation *operation)
{
	return (struct skill_reading *)operation;
}

static void end(struct skill_reading *reading, const struct skill *skill, const struct error *failure)
{
	skill_read_cb done = reading->done;
	reading->done = NULL;
	if (done)
		done(reading->context, skill, failure);
}

static void fail(struct skill_reading *reading, const struct error *err)
{
	struct error failure;
	failure_of_fault(reading->operation.caller, what_failed, err, &failure);
	end(reading, NULL, &failure);
}

static void reading_free(struct operation *operation)
{
	struct skill_reading *reading = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(reading, NULL, &failure);
	free(reading->name);
	free(reading->version);
	free(reading);
}

static void on_read(struct operation *operation, const struct kube_response *response)
{
	struct skill_reading *reading = of(operation);
	struct error err;
	if (response->status == 404) { /* it was deleted just now */
		skill_not_found(str_of(reading->name), str_of(reading->version), &err);
		end(reading, NULL, &err);
		return;
	}
	if (response->error) {
		failure_of_kube(operation->caller, operation->server->metrics, what_failed, response, &err);
		end(reading, NULL, &err);
		return;
	}
	cleanup_skill struct skill *skill = skill_from_json(response->body, &err);
	if (skill)
		end(reading, skill, NULL);
	else
		fail(reading, &err);
}

static int start(struct skill_reading *reading, const struct skill *outline, struct str name,
		 struct str version, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	reading->name = str_dup(name);
	reading->version = str_dup(version);
	if (!reading->name || !reading->version)
		return error_no_memory(err);
	skill_path(&path, outline->meta.namespace, outline->meta.name);
	return buffer_check(&path, "the path", err) == 0
		   ? operation_read(&reading->operation, path.data, on_read, err)
		   : -1;
}

void skill_read(struct apiserver *server, struct caller *caller, struct str name, struct str version,
		skill_read_cb done, void *context)
{
	struct error err;
	const struct skill *outline = cluster_skill(server->cluster, caller->namespace, name, version);
	if (!outline) {
		skill_not_found(name, version, &err);
		done(context, NULL, &err);
		return;
	}
	struct skill_reading *reading = calloc(1, sizeof(*reading));
	if (!reading) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, &err);
		return;
	}
	operation_init(&reading->operation, server, caller, reading_free);
	reading->done = done;
	reading->context = context;
	if (start(reading, outline, name, version, &err) != 0)
		fail(reading, &err);
	operation_unref(&reading->operation);
}
