/* In place of lib/kube/reader.c: readings of objects, which the test answers. Included by one source of a
 * test. */
#ifndef SKILLBOX_TESTS_FAKE_READER_H
#define SKILLBOX_TESTS_FAKE_READER_H

#include "lib/kube/reader.h"

#include <stdio.h>

#define READINGS_MAX 64

struct reading {
	char path[256];
	kube_done_cb done;
	void *context;
};
static struct reading readings[READINGS_MAX];
static unsigned reading_count, readings_cancelled;
static bool reader_refuses;

struct reading *reader_get(struct reader *reader, const char *path, kube_done_cb done, void *context,
			   struct error *err)
{
	(void)reader;
	if (reader_refuses) {
		error_set(err, ERR_UNAVAILABLE, "no reading");
		return NULL;
	}
	assert_true(reading_count < READINGS_MAX);
	struct reading *reading = &readings[reading_count++];
	snprintf(reading->path, sizeof(reading->path), "%s", path);
	reading->done = done;
	reading->context = context;
	return reading;
}

void reading_cancel(struct reading *reading)
{
	readings_cancelled += reading != NULL;
}

static inline void answer_reading(unsigned i, const char *json)
{
	readings[i].done(readings[i].context, &(struct kube_response){.status = 200, .body = str_of(json)});
}

#endif
