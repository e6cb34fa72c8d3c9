#include "controller/sandbox/trouble.h"

#include "controller/sandbox/pod_spec.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <stdio.h>

/* Bytes of somebody else's words, so that the advice behind them is not cut. */
#define WORDS_MAX 560
#define STATUS_TEXT_MAX (64 << 10)
#define TOKEN_LENGTH 32

/* Who refuses Pods, by the words of kube-apiserver, which gives no better sign. The first row that fits
 * counts. */
static const struct {
	const char *words, *reason, *who, *advice;
} refusals[] = {
    {"exceeded quota", TROUBLE_QUOTA_EXCEEDED, "a ResourceQuota of the namespace",
     "it starts by itself when enough of the quota is free: let others end, or raise it"},
    {"insufficient quota", TROUBLE_QUOTA_EXCEEDED, "a ResourceQuota of the namespace",
     "it starts by itself when enough of the quota is free: let others end, or raise it"},
    {"failed quota", "QuotaNotMet", "a ResourceQuota of the namespace",
     "the quota wants what sandboxes don't state: take that from the quota, or give it a default with a "
     "LimitRange"},
    {"violates PodSecurity", "PodSecurityViolated", "the Pod Security level of the namespace",
     "give the namespace a level that admits sandboxes (restricted does)"},
    {"ValidatingAdmissionPolicy", "AdmissionDenied", "an admission policy of the cluster",
     "change what the policy asks for, or the resources of the skill"},
    {"failed calling webhook", "AdmissionUnavailable", "an admission webhook that does not answer",
     "see to the webhook"},
    {"admission webhook", "AdmissionDenied", "an admission webhook of the cluster",
     "change what the webhook asks for, or the resources of the skill"},
    {" usage per ", "LimitRangeViolated", "a LimitRange of the namespace",
     "change the resources of the skill or pool, or the LimitRange"},
    {"limit to request ratio", "LimitRangeViolated", "a LimitRange of the namespace",
     "sandboxes request little CPU and may use much: take the ratio from the LimitRange"},
    {"is being terminated", "NamespaceTerminating", "the namespace, which is being deleted",
     "use another namespace"},
    {"looking up service account", "ServiceAccountMissing", "the namespace, which lacks a service account",
     "the cluster makes it by itself, else create it"},
    {"RuntimeClass", "RuntimeClassMissing", "the cluster, which lacks the runtime class of sandboxes",
     "create the RuntimeClass, or set another one (SKILLBOX_RUNTIME_CLASS, or the pool's runtimeClassName)"},
    {"cannot create resource", "ControllerForbidden",
     "the rights of the controller, which may make no Pods in this namespace",
     "give the controller its Role and RoleBinding here, for instance by naming the namespace in the chart's "
     "tenants"},
};

/* Those that are known by the answer's status only. */
static const struct {
	int from, to;
	const char *reason, *who, *advice;
} answers[] = {
    {401, 401, "ControllerForbidden", "kube-apiserver, which does not know the controller",
     "see to the token of the controller's service account"},
    {404, 404, "NamespaceMissing", "kube-apiserver", "create the namespace"},
    {409, 409, "ClusterBusy", "kube-apiserver, which was asked for much at once", "it is tried again"},
    {422, 422, "PodInvalid", "kube-apiserver as invalid",
     "look for what it names in the skill, the pool or the settings of the controller"},
    {400, 400, "PodInvalid", "kube-apiserver as invalid",
     "look for what it names in the skill, the pool or the settings of the controller"},
    {429, 429, "ClusterBusy", "kube-apiserver, which has too much to do", "it is tried again"},
    {500, 599, "ClusterUnavailable", "kube-apiserver, which failed", "see to the cluster's control plane"},
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_word(char c)
{
	return is_hex(c) || (c >= 'g' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A refusal may quote the Pod, and that has the token which the controller shows to the runner. */
static void hide_tokens(char *text)
{
	for (char *at = text; *at;) {
		size_t n = 0;
		while (is_word(at[n]))
			n++;
		size_t hex = 0;
		while (hex < n && is_hex(at[hex]))
			hex++;
		if (n == TOKEN_LENGTH && hex == n)
			memset(at, '*', n);
		at += n ? n : 1;
	}
}

/* A member of the Status object that came as the answer. */
static bool read_member(struct str body, struct str key, struct buffer *out)
{
	struct str value;
	struct jsontext_rules rules = {.max_depth = 32};
	return jsontext_check(body, &rules, NULL) == 0 && jsontext_kind_of(body) == JSONTEXT_OBJECT &&
	       jsontext_member(body, key, &value) && jsontext_kind_of(value) == JSONTEXT_STRING &&
	       jsontext_decode_string(value, out, NULL) == 0 && out->len > 0;
}

static void put(struct trouble *ret, const char *reason, const char *what, struct str words,
		const char *advice)
{
	struct str cut = utf8_cut(words, WORDS_MAX);
	ret->reason = reason;
	snprintf(ret->message, sizeof(ret->message), "%s: %.*s%s; %s", what, (int)cut.n, cut.n ? cut.p : "",
		 cut.n < words.n ? "…" : "", advice);
	hide_tokens(ret->message);
}

static void put_refusal(struct trouble *ret, const char *reason, const char *who, struct str words,
			const char *advice)
{
	char what[192];
	snprintf(what, sizeof(what), "the sandbox Pod was refused by %s", who);
	put(ret, reason, what, words, advice);
}

void trouble_of_refusal(const struct kube_response *response, const char *namespace, struct trouble *ret)
{
	cleanup_buffer struct buffer text = BUFFER(STATUS_TEXT_MAX);
	bool has_words = read_member(response->body, STR("message"), &text);
	struct str words = has_words ? buffer_str(&text) : str_of(response->error->message);
	char name_advice[160];
	if (response->status == 0) {
		put(ret, "ClusterUnavailable",
		    "the sandbox Pod could not be created, since kube-apiserver did not answer", words,
		    "see to the cluster's control plane and the network");
		return;
	}
	if (response->already_exists) {
		snprintf(name_advice, sizeof(name_advice),
			 "if it stays: a Pod that is not ours has the name; delete it in namespace %.63s",
			 namespace);
		put_refusal(ret, TROUBLE_NAME_TAKEN, "kube-apiserver", words, name_advice);
		return;
	}
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (strstr(words.p, refusals[i].words)) {
			put_refusal(ret, refusals[i].reason, refusals[i].who, words, refusals[i].advice);
			return;
		}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (response->status >= answers[i].from && response->status <= answers[i].to) {
			put_refusal(ret, answers[i].reason, answers[i].who, words, answers[i].advice);
			return;
		}
	put_refusal(ret, "PodRefused", "kube-apiserver", words,
		    "look for what it names in the namespace and the cluster");
}

bool trouble_of_pod(const struct pod *pod, struct trouble *ret)
{
	char what[192];
	if (pod->unschedulable) {
		put(ret, "Unschedulable", "no node takes a sandbox", str_of(pod->unschedulable),
		    "it starts by itself when a node has room: let others end, add a node, or lower the "
		    "resources of the skill");
		return true;
	}
	if (!pod_waits_in_vain(pod))
		return false;
	bool is_image = pod_waits_for_image(pod);
	snprintf(what, sizeof(what), "%s (%.60s)",
		 is_image ? "the image of the sandbox can't be pulled"
			  : "the node can't make the sandbox's container",
		 pod->waiting_reason);
	put(ret, is_image ? "ImageUnavailable" : "ContainerNotMade", what,
	    str_of(pod->waiting_message ? pod->waiting_message : "the kubelet says no more"),
	    is_image ? "check the image's name, and whether the nodes can reach its registry and may pull it"
		     : "the Pod's Events and the kubelet's log on its node tell more");
	return true;
}

void trouble_of_slow_pod(const struct pod *pod, struct trouble *ret)
{
	ret->reason = "SandboxStarting";
	if (!pod->scheduled)
		snprintf(ret->message, sizeof(ret->message),
			 "the sandbox Pod %.253s was created, and no scheduler has placed it on a node yet",
			 pod->meta.name);
	else
		snprintf(ret->message, sizeof(ret->message),
			 "the sandbox Pod %.253s is on its node, which is starting its container; if that "
			 "lasts: kubectl -n %.63s describe pod %.253s",
			 pod->meta.name, pod->meta.namespace, pod->meta.name);
}
