#include "controller/sandbox/object.h"

#define PATH_MAX_BYTES 1024

struct reading *object_read(struct reader *reader, const char *resource, const struct object_meta *meta,
			    kube_done_cb done, void *context, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	buffer_appendf(&path, API_BASE_PATH "/namespaces/%s/%s/%s", meta->namespace, resource, meta->name);
	return buffer_check(&path, "the object's path", err) == 0
		   ? reader_get(reader, path.data, done, context, err)
		   : NULL;
}

static bool has_come(const struct kube_response *response, const char *gone, const char *failed,
		     struct error *err)
{
	if (!response->error)
		return true;
	if (response->error->code == ERR_NOT_FOUND) {
		error_set(err, ERR_NOT_FOUND, "%s", gone);
		return false;
	}
	*err = *response->error;
	error_wrap(err, "%s", failed);
	return false;
}

static bool is_the_same(const struct object_meta *meta, const char *uid)
{
	return meta->uid && strcmp(meta->uid, uid) == 0;
}

struct execution *object_read_execution(const struct kube_response *response, const char *uid,
					struct error *err)
{
	static const char gone[] = "the execution was deleted before the sandbox had its input";
	static const char failed[] = "the execution's input could not be read";
	if (!has_come(response, gone, failed, err))
		return NULL;
	struct execution *execution = execution_from_json(response->body, err);
	if (!execution) {
		error_wrap(err, "%s", failed);
		return NULL;
	}
	if (is_the_same(&execution->meta, uid))
		return execution;
	error_set(err, ERR_NOT_FOUND, "%s", gone);
	return execution_free(execution);
}

struct skill *object_read_skill(const struct kube_response *response, const char *uid, struct error *err)
{
	static const char gone[] = "the skill was deleted before the sandbox had its files";
	static const char failed[] = "the skill could not be read";
	if (!has_come(response, gone, failed, err))
		return NULL;
	struct skill *skill = skill_from_json(response->body, err);
	if (!skill) {
		error_wrap(err, "%s", failed);
		return NULL;
	}
	if (is_the_same(&skill->meta, uid))
		return skill;
	error_set(err, ERR_NOT_FOUND, "%s", gone);
	return skill_free(skill);
}
