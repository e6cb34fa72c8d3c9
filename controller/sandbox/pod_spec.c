#include "controller/sandbox/pod_spec.h"

#include "lib/base/jsontext.h"
#include "lib/base/quantity.h"

#include <stdio.h>

/* A Pod outlives its run by this, so that a controller that was away can still collect the result. */
#define COLLECT_WINDOW_S 900
/* A run's shape as text; image, version and digest are the most of it. */
#define ANNOTATION_MAX 1024

void pod_name(const struct execution *execution, char ret[POD_NAME_SIZE])
{
	snprintf(ret, POD_NAME_SIZE, "skx-%s-%lld", execution->meta.uid,
		 (long long)execution->status.attempt);
}

void pod_delete_options(const char *uid, char ret[POD_DELETE_SIZE])
{
	snprintf(ret, POD_DELETE_SIZE,
		 "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"gracePeriodSeconds\":0,"
		 "\"preconditions\":{\"uid\":\"%s\"}}",
		 uid);
}

static void member(struct buffer *out, const char *key, const char *value)
{
	buffer_appendf(out, "\"%s\":", key);
	jsontext_append_string(out, str_of(value));
}

static void metadata(const struct sandbox_spec *spec, struct buffer *out)
{
	buffer_append_c(out, "\"metadata\":{");
	member(out, "name", spec->name);
	buffer_append_c(out, ",\"labels\":{\"app.kubernetes.io/name\":\"skillbox\","
			     "\"app.kubernetes.io/managed-by\":\"skillbox\","
			     "\"app.kubernetes.io/component\":\"sandbox\",");
	member(out, spec->uid_label, spec->owner_uid);
	buffer_append_c(out, "},\"annotations\":{");
	member(out, spec->shape_annotation, spec->shape);
	buffer_append_c(out, "},\"ownerReferences\":[{\"apiVersion\":\"" API_VERSION "\",");
	member(out, "kind", spec->owner_kind);
	buffer_append_byte(out, ',');
	member(out, "name", spec->owner_name);
	buffer_append_byte(out, ',');
	member(out, "uid", spec->owner_uid);
	buffer_append_c(out, ",\"controller\":true,\"blockOwnerDeletion\":false}]}");
}

static void seccomp_profile(const struct controller_config *config, struct buffer *out)
{
	if (!config->seccomp_profile[0]) {
		buffer_append_c(out, "\"seccompProfile\":{\"type\":\"RuntimeDefault\"}");
		return;
	}
	buffer_append_c(out, "\"seccompProfile\":{\"type\":\"Localhost\",");
	member(out, "localhostProfile", config->seccomp_profile);
	buffer_append_byte(out, '}');
}

static void security_context(const struct controller_config *config, struct buffer *out)
{
	buffer_append_c(
	    out, "\"securityContext\":{\"runAsNonRoot\":true,\"runAsUser\":65534,\"runAsGroup\":65534,"
		 "\"privileged\":false,\"allowPrivilegeEscalation\":false,\"readOnlyRootFilesystem\":true,"
		 "\"capabilities\":{\"drop\":[\"ALL\"]},");
	seccomp_profile(config, out);
	buffer_append_byte(out, '}');
}

/* Memory: request = limit, so that a node's memory is never promised twice. CPU: a small request. */
static void resources(const struct sandbox_spec *spec, struct buffer *out)
{
	char cpu[QUANTITY_SIZE], cpu_request[QUANTITY_SIZE], memory[QUANTITY_SIZE];
	quantity_format_cpu(spec->cpu, cpu);
	quantity_format_cpu(spec->cpu < POD_CPU_REQUEST ? spec->cpu : POD_CPU_REQUEST, cpu_request);
	quantity_format_memory(spec->memory, memory);
	buffer_appendf(out,
		       "\"resources\":{\"requests\":{\"cpu\":\"%s\",\"memory\":\"%s\"},"
		       "\"limits\":{\"cpu\":\"%s\",\"memory\":\"%s\"}}",
		       cpu_request, memory, cpu, memory);
}

static void environment(const struct sandbox_spec *spec, struct buffer *out)
{
	const struct {
		const char *name, *value;
	} variables[] = {{POD_TOKEN_ENV, spec->token},
			 {POD_PARK_ENV, spec->lang},
			 {POD_PARK_SCRIPT_ENV, spec->script},
			 {POD_PRELOAD_ENV, spec->preload},
			 {POD_PARK_AFTER_ENV, spec->park_after_files ? "files" : ""}};
	buffer_append_c(out, "\"env\":[");
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		if (!variables[i].value || !variables[i].value[0])
			continue;
		buffer_append_c(out, i > 0 ? ",{" : "{");
		member(out, "name", variables[i].name);
		buffer_append_byte(out, ',');
		member(out, "value", variables[i].value);
		buffer_append_byte(out, '}');
	}
	buffer_append_c(out, "],");
}

static void container(const struct sandbox_spec *spec, const struct controller_config *config,
		      struct buffer *out)
{
	buffer_append_c(out, "\"containers\":[{\"name\":\"" POD_CONTAINER "\",");
	member(out, "image", spec->image);
	buffer_append_c(out, ",\"imagePullPolicy\":\"IfNotPresent\",\"command\":[\"/skillbox/runner\"],"
			     "\"workingDir\":\"/sandbox\",");
	environment(spec, out);
	resources(spec, out);
	buffer_append_byte(out, ',');
	security_context(config, out);
	buffer_append_c(out, ",\"terminationMessagePolicy\":\"File\""
			     ",\"volumeMounts\":[{\"name\":\"sandbox\",\"mountPath\":\"/sandbox\"},"
			     "{\"name\":\"tmp\",\"mountPath\":\"/tmp\"}");
	if (config->runner_delivery != RUNNER_IN_IMAGE)
		buffer_append_c(out, ",{\"name\":\"runner\",\"mountPath\":\"/skillbox\",\"readOnly\":true}");
	buffer_append_c(out, "]}]");
}

/* A file system in memory, of a part of the sandbox's: whoever fills it is told that no space is left, before
 * memory is over. */
static void memory_volume(const char *name, int64_t bytes, struct buffer *out)
{
	char size[QUANTITY_SIZE];
	quantity_format_memory(bytes, size);
	buffer_appendf(out, "{\"name\":\"%s\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"%s\"}}",
		       name, size);
}

static void volumes(const struct sandbox_spec *spec, const struct controller_config *config,
		    struct buffer *out)
{
	buffer_append_c(out, ",\"volumes\":[");
	memory_volume("sandbox", policy_room_for_files(spec->memory), out);
	buffer_append_byte(out, ',');
	memory_volume("tmp", spec->memory / 2, out);
	switch (config->runner_delivery) {
	case RUNNER_IMAGE_VOLUME:
		buffer_append_c(out, ",{\"name\":\"runner\",\"image\":{\"pullPolicy\":\"IfNotPresent\",");
		member(out, "reference", config->runner_image);
		buffer_append_c(out, "}}");
		break;
	case RUNNER_INIT_CONTAINER:
		buffer_append_c(
		    out,
		    ",{\"name\":\"runner\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"16Mi\"}}");
		break;
	case RUNNER_IN_IMAGE:
		break;
	}
	buffer_append_byte(out, ']');
}

static void init_container(const struct controller_config *config, struct buffer *out)
{
	buffer_append_c(out, "\"initContainers\":[{\"name\":\"runner\",");
	member(out, "image", config->runner_image);
	buffer_append_c(out, ",\"imagePullPolicy\":\"IfNotPresent\","
			     "\"command\":[\"/runner\",\"copy\",\"/skillbox/runner\"],"
			     "\"resources\":{\"requests\":{\"cpu\":\"10m\",\"memory\":\"32Mi\"},"
			     "\"limits\":{\"cpu\":\"500m\",\"memory\":\"32Mi\"}},");
	security_context(config, out);
	buffer_append_c(out, ",\"volumeMounts\":[{\"name\":\"runner\",\"mountPath\":\"/skillbox\"}]}],");
}

int pod_spec_build(const struct sandbox_spec *spec, const struct controller_config *config,
		   struct buffer *out, struct error *err)
{
	buffer_append_c(out, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",");
	metadata(spec, out);
	buffer_append_c(
	    out, ",\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,"
		 "\"enableServiceLinks\":false,\"terminationGracePeriodSeconds\":0,"
		 "\"dnsPolicy\":\"None\",\"dnsConfig\":{\"nameservers\":[\"127.0.0.1\"]},"
		 "\"hostNetwork\":false,\"hostPID\":false,\"hostIPC\":false,\"shareProcessNamespace\":false,"
		 "\"securityContext\":{\"runAsNonRoot\":true,\"runAsUser\":65534,\"runAsGroup\":65534,"
		 "\"fsGroup\":65534,");
	seccomp_profile(config, out);
	buffer_append_c(out, "},");
	buffer_appendf(out, "\"activeDeadlineSeconds\":%lld,",
		       (long long)(spec->lifetime_ms / 1000 + COLLECT_WINDOW_S));
	if (config->user_namespaces)
		buffer_append_c(out, "\"hostUsers\":false,");
	if (spec->runtime_class[0]) {
		member(out, "runtimeClassName", spec->runtime_class);
		buffer_append_byte(out, ',');
	}
	if (config->runner_delivery == RUNNER_INIT_CONTAINER)
		init_container(config, out);
	container(spec, config, out);
	volumes(spec, config, out);
	buffer_append_c(out, "}}");
	return out->failed ? error_no_memory(err) : 0;
}

int pod_spec_of_execution(const struct execution *execution, const struct run_shape *shape,
			  const struct token_key *key, const struct controller_config *config,
			  struct buffer *out, struct error *err)
{
	char name[POD_NAME_SIZE], token[TOKEN_SIZE];
	cleanup_buffer struct buffer annotation = BUFFER(ANNOTATION_MAX);
	pod_name(execution, name);
	if (run_shape_write(shape, &annotation) != 0 || buffer_append_byte(&annotation, '\0') != 0)
		return error_no_memory(err);
	if (token_make(key, execution->meta.namespace, name, execution->meta.uid, token, err) != 0)
		return -1;
	struct sandbox_spec spec = {
	    .name = name,
	    .owner_kind = "Execution",
	    .owner_name = execution->meta.name,
	    .owner_uid = execution->meta.uid,
	    .uid_label = POD_EXECUTION_LABEL,
	    .shape_annotation = POD_SHAPE_ANNOTATION,
	    .shape = annotation.data,
	    .image = shape->image,
	    .runtime_class = config->runtime_class,
	    .lang = shape->lang,
	    .script = shape->script,
	    .preload = "",
	    .token = token,
	    .memory = shape->memory,
	    .cpu = shape->cpu,
	    .lifetime_ms = config->start_timeout_ms + shape->timeout_ms,
	};
	int result = pod_spec_build(&spec, config, out, err);
	explicit_bzero(token, sizeof(token));
	return result;
}
