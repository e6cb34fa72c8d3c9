#include "controller/build/pod.h"

#include "controller/sandbox/pod_spec.h"
#include "lib/base/json_write.h"
#include "lib/base/quantity.h"

#include <stdio.h>

#define OF_SIZE 512 /* two names of Kubernetes */

void build_pod_name(const struct skill *skill, char ret[BUILD_POD_NAME_SIZE])
{
	snprintf(ret, BUILD_POD_NAME_SIZE, "skb-%s-%lld", skill->meta.uid,
		 (long long)skill->status.build.attempt);
}

static void put_metadata(const struct skill *skill, struct buffer *out)
{
	char name[BUILD_POD_NAME_SIZE], of[OF_SIZE];
	build_pod_name(skill, name);
	snprintf(of, sizeof(of), "%s/%s", skill->meta.namespace, skill->meta.name);
	json_key(out, "metadata");
	json_open(out, '{');
	json_put_string(out, "name", name);
	json_key(out, "labels");
	json_open(out, '{');
	json_put_string(out, "app.kubernetes.io/name", "skillbox");
	json_put_string(out, "app.kubernetes.io/managed-by", "skillbox");
	json_put_string(out, "app.kubernetes.io/component", "build");
	json_put_string(out, POD_SKILL_LABEL, skill->meta.uid);
	json_close(out, '}');
	json_key(out, "annotations");
	json_open(out, '{');
	json_put_string(out, POD_SKILL_ANNOTATION, of);
	json_close(out, '}');
	json_close(out, '}');
}

static void put_resources(const struct controller_config *config, struct buffer *out)
{
	char cpu[QUANTITY_SIZE], request[QUANTITY_SIZE], memory[QUANTITY_SIZE], disk[QUANTITY_SIZE];
	quantity_format_cpu(config->build.cpu, cpu);
	quantity_format_cpu(config->build.cpu < POD_CPU_REQUEST ? config->build.cpu : POD_CPU_REQUEST,
			    request);
	quantity_format_memory(config->build.memory, memory);
	quantity_format_memory(config->build.disk, disk);
	buffer_appendf(out,
		       ",\"resources\":{\"requests\":{\"cpu\":\"%s\",\"memory\":\"%s\","
		       "\"ephemeral-storage\":\"%s\"},"
		       "\"limits\":{\"cpu\":\"%s\",\"memory\":\"%s\",\"ephemeral-storage\":\"%s\"}}",
		       request, memory, disk, cpu, memory, disk);
}

static void put_container(const struct controller_config *config, struct buffer *out)
{
	buffer_append_c(out, ",\"containers\":[{\"name\":\"" POD_BUILD_CONTAINER "\"");
	json_put_string(out, "image", config->build.image);
	buffer_append_c(out, ",\"imagePullPolicy\":\"IfNotPresent\","
			     "\"command\":[\"python3\",\"-IB\",\"/builder/build.py\",\"wait\"]");
	put_resources(config, out);
	buffer_append_c(
	    out, ",\"securityContext\":{\"runAsNonRoot\":true,\"runAsUser\":65534,\"runAsGroup\":65534,"
		 "\"privileged\":false,\"allowPrivilegeEscalation\":false,\"readOnlyRootFilesystem\":true,"
		 "\"capabilities\":{\"drop\":[\"ALL\"]},\"seccompProfile\":{\"type\":\"RuntimeDefault\"}}"
		 ",\"volumeMounts\":[{\"name\":\"build\",\"mountPath\":\"/build\"},"
		 "{\"name\":\"program\",\"mountPath\":\"/builder\",\"readOnly\":true}");
	if (config->build.secret[0])
		buffer_append_c(out, ",{\"name\":\"credentials\",\"mountPath\":\"/etc/skillbox-build\","
				     "\"readOnly\":true}");
	buffer_append_c(out, "]}]");
}

static void put_volumes(const struct controller_config *config, struct buffer *out)
{
	char disk[QUANTITY_SIZE];
	quantity_format_memory(config->build.disk, disk);
	buffer_appendf(out, ",\"volumes\":[{\"name\":\"build\",\"emptyDir\":{\"sizeLimit\":\"%s\"}},", disk);
	buffer_append_c(out, "{\"name\":\"program\",\"configMap\":{");
	json_put_string(out, "name", config->build.program);
	buffer_append_c(out, "}}");
	if (config->build.secret[0]) {
		buffer_append_c(out, ",{\"name\":\"credentials\",\"secret\":{");
		json_put_string(out, "secretName", config->build.secret);
		buffer_append_c(out, "}}");
	}
	buffer_append_c(out, "]");
}

int build_pod_spec(const struct skill *skill, const struct controller_config *config, struct buffer *out,
		   struct error *err)
{
	int64_t lifetime_ms = config->start_timeout_ms + config->build.timeout_ms + BUILD_POD_GRACE_MS;
	buffer_append_c(out, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"");
	put_metadata(skill, out);
	buffer_append_c(
	    out, ",\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,"
		 "\"enableServiceLinks\":false,\"terminationGracePeriodSeconds\":0,"
		 "\"hostNetwork\":false,\"hostPID\":false,\"hostIPC\":false,\"shareProcessNamespace\":false,"
		 "\"securityContext\":{\"runAsNonRoot\":true,\"runAsUser\":65534,\"runAsGroup\":65534,"
		 "\"fsGroup\":65534,\"seccompProfile\":{\"type\":\"RuntimeDefault\"}}");
	json_put_int(out, "activeDeadlineSeconds", lifetime_ms / 1000);
	if (config->user_namespaces)
		json_put_bool(out, "hostUsers", false);
	if (config->runtime_class[0])
		json_put_string(out, "runtimeClassName", config->runtime_class);
	put_container(config, out);
	put_volumes(config, out);
	buffer_append_c(out, "}}");
	return buffer_check(out, "the build Pod", err);
}
