/* Why a sandbox is not there yet, in words for people: what was refused or is missing, by whom, in the words
 * of whoever said so, and what to do about it. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_TROUBLE_H
#define SKILLBOX_CONTROLLER_SANDBOX_TROUBLE_H

#include "lib/api/pod.h"
#include "lib/kube/client.h"

#include <stdbool.h>

/* With the NUL; as much as an Event takes. */
#define TROUBLE_MESSAGE_SIZE 1024

/* The name of the Pod is taken: by our own earlier create, or by a stranger's Pod. */
#define TROUBLE_NAME_TAKEN "PodNameTaken"

/* A quota of the namespace has no room for the Pod. */
#define TROUBLE_QUOTA_EXCEEDED "QuotaExceeded"

struct trouble {
	/* One word for programs; a literal, never NULL. */
	const char *reason;
	/* Sentences for people, without secrets. */
	char message[TROUBLE_MESSAGE_SIZE];
};

/* The creation of a sandbox Pod was answered with an error. */
void trouble_of_refusal(const struct kube_response *response, const char *namespace, struct trouble *ret);

/* What keeps a Pod from starting, as its status tells; false: nothing that it knows of. */
bool trouble_of_pod(const struct pod *pod, struct trouble *ret);

/* A Pod that has not started, without a known trouble: how far it is. */
void trouble_of_slow_pod(const struct pod *pod, struct trouble *ret);

#endif
