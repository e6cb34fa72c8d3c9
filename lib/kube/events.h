/* Kubernetes Events (events.k8s.io/v1), best effort: bounded in number, equal ones within 10 minutes are
 * counted into one series instead of created again. */
#ifndef SKILLBOX_KUBE_EVENTS_H
#define SKILLBOX_KUBE_EVENTS_H

#include "lib/kube/client.h"

struct event_recorder;

struct event_object { /* what the event is about */
	const char *api_version, *kind, *namespace, *name, *uid;
};

struct event_recorder *event_recorder_new(struct kube_client *client, const char *component,
					  const char *instance, struct error *err);
/* Before its client. NULL-safe, returns NULL. */
struct event_recorder *event_recorder_free(struct event_recorder *recorder);
/* Counts of series are written every ten seconds; this writes them now. */
void event_recorder_flush(struct event_recorder *recorder);
/* Calls that wait for their answer. */
unsigned event_recorder_in_flight(const struct event_recorder *recorder);
/* type: "Normal" or "Warning"; reason: CamelCase; note: text, cut at 1,024 bytes; no secrets, no user data.
 */
void event_record(struct event_recorder *recorder, const struct event_object *about, const char *type,
		  const char *reason, const char *action, const char *note);

#endif
