#include "apiserver/skill/delete.h"

#include "apiserver/audit.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "apiserver/skill/skill_path.h"
#include "lib/policy/names.h"

#include <stdlib.h>

#define GONE_TIMEOUT_MS 10000
#define SHOWN_MAX 128    /* bytes of a name or version that a message repeats */
#define AUDITED_SIZE 300 /* "name@version" */

struct deletion {
	struct operation operation;
	/* Copies. */
	char *name;
	struct str version;
	size_t wanted, gone; /* objects */
	size_t calls;        /* under way */
	/* NULL: it was called. */
	skill_deleted_cb done;
	void *context;
};

static struct deletion *of(struct operation *operation)
{
	return (struct deletion *)operation;
}

static void end(struct deletion *deletion, const struct error *failure)
{
	skill_deleted_cb done = deletion->done;
	deletion->done = NULL;
	if (done)
		done(deletion->context, failure);
}

static void deletion_free(struct operation *operation)
{
	struct deletion *deletion = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(deletion, &failure);
	free(deletion->name);
	free((char *)(uintptr_t)deletion->version.p);
	free(deletion);
}

void skill_not_found(struct str name, struct str version, struct error *ret)
{
	error_set(ret, ERR_NOT_FOUND, "skill not found: %.*s@%.*s",
		  (int)(name.n < SHOWN_MAX ? name.n : SHOWN_MAX), name.p,
		  (int)(version.n < SHOWN_MAX ? version.n : SHOWN_MAX), version.p);
}

static void end_when_gone(struct deletion *deletion)
{
	char object[AUDITED_SIZE];
	const struct operation *operation = &deletion->operation;
	if (deletion->calls || deletion->gone != deletion->wanted || !deletion->done)
		return;
	snprintf(object, sizeof(object), "%s@%s", deletion->name, deletion->version.p);
	audit_note(operation->server->audit, operation->caller, "skill.delete", object);
	end(deletion, NULL);
}

static void on_deleted(struct operation *operation, const struct kube_response *response)
{
	struct deletion *deletion = of(operation);
	struct error failure;
	deletion->calls--;
	if (response->error && response->status != 404) {
		failure_of_kube(operation->caller, operation->server->metrics,
				"the skill could not be deleted", response, &failure);
		end(deletion, &failure);
		return;
	}
	end_when_gone(deletion);
}

/* wait_cb: the next request must not find it any more. */
static bool on_gone(void *context, const void *object, bool timed_out)
{
	struct deletion *deletion = context;
	const struct skill *skill = object;
	if (!timed_out && skill && !skill->meta.deleted_ms)
		return false;
	deletion->gone++;
	end_when_gone(deletion);
	operation_unref(&deletion->operation);
	return true;
}

static int delete_object(struct deletion *deletion, const struct object_meta *meta, struct error *err)
{
	struct apiserver *server = deletion->operation.server;
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	skill_path(&path, meta->namespace, meta->name);
	if (buffer_check(&path, "the path", err) != 0 ||
	    !wait_add(server->waiters, WAIT_SKILL, meta->namespace, meta->name, GONE_TIMEOUT_MS, on_gone,
		      deletion, err))
		return -1;
	operation_ref(&deletion->operation);
	struct kube_call call = {.method = "DELETE", .path = path.data};
	if (operation_kube(&deletion->operation, &call, on_deleted, err) != 0)
		return -1; /* the waiter ends by itself */
	deletion->calls++;
	return 0;
}

static bool delete_one(void *context, const void *object)
{
	struct deletion *deletion = context;
	const struct skill *skill = object;
	struct error err;
	if (skill_version_compare(str_of(skill->spec.version), deletion->version) != 0)
		return true;
	deletion->wanted++;
	if (delete_object(deletion, &skill->meta, &err) == 0)
		return true;
	error_set(&err, ERR_UNAVAILABLE, "the skill could not be deleted; try again in a moment");
	end(deletion, &err);
	return false;
}

static int copy(struct deletion *deletion, struct str name, struct str version)
{
	char *own_version = str_dup(version);
	deletion->version = (struct str){own_version, version.n};
	deletion->name = str_dup(name);
	return own_version && deletion->name ? 0 : -1;
}

void skill_delete(struct apiserver *server, struct caller *caller, struct str name, struct str version,
		  skill_deleted_cb done, void *context)
{
	struct error err;
	struct deletion *deletion = calloc(1, sizeof(*deletion));
	if (!deletion) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, &err);
		return;
	}
	operation_init(&deletion->operation, server, caller, deletion_free);
	deletion->done = done;
	deletion->context = context;
	if (copy(deletion, name, version) != 0) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		end(deletion, &err);
	} else {
		cluster_skills_named(server->cluster, caller->namespace, name, delete_one, deletion);
		if (deletion->wanted == 0) {
			skill_not_found(name, version, &err);
			end(deletion, &err);
		}
	}
	operation_unref(&deletion->operation);
}
