#include "lib/api/pod.h"

#include "lib/api/json.h"
#include "lib/base/jsontext.h"

#include <stdlib.h>

#define MAX_CONTAINERS 32
#define MAX_ENV 1024

static int read_labels(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	static const struct json_field fields[] = {
	    {POD_EXECUTION_LABEL, json_read_string, offsetof(struct pod, execution_uid), JSON_NAME_MAX},
	    {POD_POOL_LABEL, json_read_string, offsetof(struct pod, pool_uid), JSON_NAME_MAX},
	    {POD_SKILL_LABEL, json_read_string, offsetof(struct pod, skill_uid), JSON_NAME_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_annotations(struct str value, const struct json_path *path, int64_t max, void *target,
			    struct error *err)
{
	static const struct json_field fields[] = {
	    {POD_SHAPE_ANNOTATION, json_read_string, offsetof(struct pod, run_shape), JSON_NAME_MAX},
	    {POD_SKILL_ANNOTATION, json_read_string, offsetof(struct pod, skill), JSON_NAME_MAX},
	    {POD_POOL_SHAPE_ANNOTATION, json_read_string, offsetof(struct pod, pool_shape), 16384},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

/* Only annotations and labels that we know are read, so metadata is walked twice: for object_meta and for
 * these. */
static int read_metadata(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {{"labels", read_labels, 0, 0},
						   {"annotations", read_annotations, 0, 0}};
	struct pod *pod = target;
	if (object_meta_read(value, path, max, &pod->meta, err) != 0)
		return -1;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), pod, err);
}

struct container_spec {
	char *name;
	struct env_var *env;
	size_t env_count;
};

static int read_env(struct str value, const struct json_path *path, int64_t max, void *target,
		    struct error *err)
{
	struct container_spec *container = target;
	return json_read_list(value, path, max, sizeof(*container->env), env_var_read,
			      (void **)&container->env, &container->env_count, err);
}

static int read_container_spec(struct str value, const struct json_path *path, struct pod *pod,
			       struct error *err)
{
	static const struct json_field fields[] = {
	    {"name", json_read_string, offsetof(struct container_spec, name), JSON_NAME_MAX},
	    {"env", read_env, 0, MAX_ENV},
	};
	struct container_spec container = {0};
	int result = json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), &container, err);
	if (result == 0 && str_eq(str_of(container.name), STR(POD_CONTAINER)))
		for (size_t i = 0; i < container.env_count && !pod->token; i++)
			if (str_eq(str_of(container.env[i].name), STR(POD_TOKEN_ENV))) {
				pod->token = container.env[i].value;
				container.env[i].value = NULL;
			}
	for (size_t i = 0; i < container.env_count; i++)
		env_var_clear(&container.env[i]);
	free(container.env);
	free(container.name);
	return result;
}

/* Call `read` for each element of a list. */
static int each_element(struct str list, const struct json_path *path, int64_t max,
			int (*read)(struct str value, const struct json_path *path, struct pod *pod,
				    struct error *err),
			struct pod *pod, struct error *err)
{
	if (jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return json_error(path, err, "must be a list");
	size_t position = 0;
	struct json_path at = {path, NULL, 0};
	for (struct str element; jsontext_next_element(list, &position, &element); at.index++) {
		if (at.index >= (size_t)max)
			return json_error(path, err, "has more than %lld elements", (long long)max);
		if (read(element, &at, pod, err) != 0)
			return -1;
	}
	return 0;
}

static int read_containers(struct str value, const struct json_path *path, int64_t max, void *target,
			   struct error *err)
{
	return each_element(value, path, max, read_container_spec, target, err);
}

static int read_spec(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	static const struct json_field fields[] = {{"containers", read_containers, 0, MAX_CONTAINERS}};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

struct container_status {
	char *name, *image_id;
	bool running, terminated;
	char *waiting_reason, *waiting_message;
	int64_t exit_code;
	char *terminated_reason;
};

static int read_running(struct str value, const struct json_path *path, int64_t max, void *target,
			struct error *err)
{
	(void)value, (void)path, (void)max, (void)err;
	((struct container_status *)target)->running = true;
	return 0;
}

static int read_waiting(struct str value, const struct json_path *path, int64_t max, void *target,
			struct error *err)
{
	static const struct json_field fields[] = {
	    {"reason", json_read_string, offsetof(struct container_status, waiting_reason), JSON_NAME_MAX},
	    {"message", json_read_string, offsetof(struct container_status, waiting_message),
	     JSON_MESSAGE_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_terminated(struct str value, const struct json_path *path, int64_t max, void *target,
			   struct error *err)
{
	static const struct json_field fields[] = {
	    {"exitCode", json_read_int, offsetof(struct container_status, exit_code), INT32_MAX},
	    {"reason", json_read_string, offsetof(struct container_status, terminated_reason), JSON_NAME_MAX},
	};
	(void)max;
	((struct container_status *)target)->terminated = true;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_state(struct str value, const struct json_path *path, int64_t max, void *target,
		      struct error *err)
{
	static const struct json_field fields[] = {
	    {"running", read_running, 0, 0},
	    {"waiting", read_waiting, 0, 0},
	    {"terminated", read_terminated, 0, 0},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static void move_string(char **to, char **from)
{
	if (*to || !*from)
		return;
	*to = *from;
	*from = NULL;
}

static int read_container_status(struct str value, const struct json_path *path, struct pod *pod,
				 struct error *err)
{
	static const struct json_field fields[] = {
	    {"name", json_read_string, offsetof(struct container_status, name), JSON_NAME_MAX},
	    {"imageID", json_read_string, offsetof(struct container_status, image_id), JSON_NAME_MAX},
	    {"state", read_state, 0, 0},
	};
	struct container_status status = {0};
	int result = json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), &status, err);
	if (result == 0 && (str_eq(str_of(status.name), STR(POD_CONTAINER)) ||
			    str_eq(str_of(status.name), STR(POD_BUILD_CONTAINER)))) {
		pod->ready = status.running;
		pod->terminated = status.terminated;
		pod->exit_code = status.exit_code;
		move_string(&pod->terminated_reason, &status.terminated_reason);
		move_string(&pod->image_id, &status.image_id);
	}
	/* An init container's trouble says more than the main one's "PodInitializing". */
	if (result == 0 && status.waiting_reason &&
	    !str_eq(str_of(status.waiting_reason), STR("PodInitializing"))) {
		move_string(&pod->waiting_reason, &status.waiting_reason);
		move_string(&pod->waiting_message, &status.waiting_message);
	}
	free(status.name);
	free(status.image_id);
	free(status.waiting_reason);
	free(status.waiting_message);
	free(status.terminated_reason);
	return result;
}

static int read_container_statuses(struct str value, const struct json_path *path, int64_t max, void *target,
				   struct error *err)
{
	return each_element(value, path, max, read_container_status, target, err);
}

static int read_conditions(struct str value, const struct json_path *path, int64_t max, void *target,
			   struct error *err)
{
	(void)max;
	struct pod *pod = target;
	struct condition scheduled = {0};
	int result = condition_read(value, path, "PodScheduled", &scheduled, err);
	pod->scheduled = str_eq(str_of(scheduled.status), STR("True"));
	if (str_eq(str_of(scheduled.status), STR("False")))
		move_string(&pod->unschedulable, &scheduled.message);
	condition_clear(&scheduled);
	return result;
}

static int read_status(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	static const struct json_field fields[] = {
	    {"phase", json_read_string, offsetof(struct pod, phase), JSON_NAME_MAX},
	    {"reason", json_read_string, offsetof(struct pod, reason), JSON_NAME_MAX},
	    {"message", json_read_string, offsetof(struct pod, message), JSON_MESSAGE_MAX},
	    {"conditions", read_conditions, 0, 0},
	    {"initContainerStatuses", read_container_statuses, 0, MAX_CONTAINERS},
	    {"containerStatuses", read_container_statuses, 0, MAX_CONTAINERS},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

struct pod *pod_from_json(struct str json, struct error *err)
{
	static const struct json_field fields[] = {
	    {"metadata", read_metadata, 0, 0},
	    {"spec", read_spec, 0, 0},
	    {"status", read_status, 0, 0},
	};
	if (json_check_object(json, err) != 0)
		return NULL;
	struct pod *pod = calloc(1, sizeof(*pod));
	if (!pod) {
		error_no_memory(err);
		return NULL;
	}
	if (json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), pod, err) != 0)
		return pod_free(pod);
	if (!pod->meta.name) {
		error_set(err, ERR_BAD_REQUEST, "metadata: is missing");
		return pod_free(pod);
	}
	return pod;
}

struct pod *pod_free(struct pod *pod)
{
	if (!pod)
		return NULL;
	object_meta_clear(&pod->meta);
	free(pod->execution_uid);
	free(pod->phase);
	free(pod->reason);
	free(pod->message);
	free(pod->token);
	free(pod->run_shape);
	free(pod->pool_uid);
	free(pod->skill_uid);
	free(pod->skill);
	free(pod->pool_shape);
	free(pod->unschedulable);
	free(pod->waiting_reason);
	free(pod->waiting_message);
	free(pod->terminated_reason);
	free(pod->image_id);
	free(pod);
	return NULL;
}

static bool phase_is(const struct pod *pod, const char *phase)
{
	return pod->phase && strcmp(pod->phase, phase) == 0;
}

bool pod_has_ended(const struct pod *pod)
{
	return pod->terminated || phase_is(pod, "Failed") || phase_is(pod, "Succeeded");
}

/* Reasons of the kubelet for a container that waits in vain: of an image, and others. */
static const char *const image_reasons[] = {
    "ErrImagePull",      "ImagePullBackOff",    "InvalidImageName",         "ErrImageNeverPull",
    "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"};
static const char *const container_reasons[] = {"CreateContainerConfigError", "CreateContainerError",
						"RunContainerError"};
#define IS_ONE_OF(reason, list) is_one_of(reason, list, sizeof(list) / sizeof((list)[0]))

static bool is_one_of(const char *reason, const char *const *list, size_t count)
{
	for (size_t i = 0; reason && i < count; i++)
		if (strcmp(reason, list[i]) == 0)
			return true;
	return false;
}

bool pod_waits_for_image(const struct pod *pod)
{
	return IS_ONE_OF(pod->waiting_reason, image_reasons);
}

bool pod_waits_in_vain(const struct pod *pod)
{
	return pod_waits_for_image(pod) || IS_ONE_OF(pod->waiting_reason, container_reasons);
}

static bool differ(const char *a, const char *b)
{
	return (a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0);
}

bool pod_change_matters(const struct pod *old, const struct pod *fresh)
{
	if (!old || !fresh)
		return !fresh || fresh->ready || fresh->terminated;
	return old->ready != fresh->ready || old->terminated != fresh->terminated ||
	       differ(old->phase, fresh->phase) ||
	       (old->meta.deleted_ms != 0) != (fresh->meta.deleted_ms != 0) ||
	       pod_waits_in_vain(old) != pod_waits_in_vain(fresh) ||
	       pod_waits_for_image(old) != pod_waits_for_image(fresh) ||
	       differ(old->unschedulable, fresh->unschedulable);
}
