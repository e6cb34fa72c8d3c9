/* Wishes on the stage: how a test makes one, and what the cluster has of it. */
#ifndef TESTS_UNIT_APISERVER_EXECUTION_SUBMISSION_H
#define TESTS_UNIT_APISERVER_EXECUTION_SUBMISSION_H

#include "apiserver/execution/submit.h"
#include "tests/unit/apiserver/execution/outcome.h"
#include "tests/unit/apiserver/stage.h"

#include <stdlib.h>

#define COLLECTION "/apis/skillbox.dev/v1alpha1/namespaces/ns/executions"
#define BODY "{\"skill\":\"report\"}"
#define LARGE (EXECUTION_INLINE_INPUT + 3)
#define NOT_CREATED "the execution could not be created"
#define NOT_STORED "the execution's input could not be stored"
#define NOT_CHECKED "the Idempotency-Key could not be checked"
#define NOT_READ "the execution of this Idempotency-Key could not be read"

/* With a key if it is not NULL, and with a large input. */
struct wished {
	const char *key;
	bool async, is_large;
};

static inline char *large_input(void)
{
	char *text = malloc(LARGE + 1);
	assert_non_null(text);
	memset(text, '1', LARGE);
	text[LARGE] = '\0';
	return text;
}

static inline void submit(struct stage *stage, struct wished wished, struct outcome *ret)
{
	char *input = wished.is_large ? large_input() : NULL;
	struct execution_wish wish = {.request = {.skill = (char *)"report",
						  .version = (char *)"latest",
						  .input = str_of(input ? input : "[1]"),
						  .async = wished.async},
				      .idempotency_key = str_of(wished.key),
				      .body = STR(BODY)};
	*ret = (struct outcome){0};
	execution_submit(&stage->server, stage->caller, &wish, outcome_is, ret);
	free(input);
}

/* The watch does not show every one of many. */
static inline void many_places(struct stage *stage)
{
	stage->config.policy.max_concurrent = 1000;
}

static inline int setup(void **state)
{
	stage_setup(state);
	many_places(*state);
	stage_skill(*state, "report", "1.0.0", "");
	return 0;
}

static inline int setup_with_db(void **state)
{
	stage_setup_with_db(state);
	many_places(*state);
	stage_skill(*state, "report", "1.0.0", "");
	return 0;
}

/* The name in the object that is being posted. */
static inline const char *posted_name(void)
{
	static char name[64];
	const char *body = stage_kube("POST", COLLECTION)->body, *at = strstr(body, "\"name\":\"");
	assert_non_null(at);
	snprintf(name, sizeof(name), "%.36s", at + strlen("\"name\":\""));
	return name;
}

static inline const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), COLLECTION "/%s", name);
	return path;
}

/* The execution that an earlier wish made, with the digest of its body. */
static inline const char *earlier(const char *name, const char *status, struct str body)
{
	static char json[4096];
	char digest[DIGEST_TEXT_SIZE];
	const char *plain = stage_execution_json(name, status, "\"output\":\"7\"");
	const char *rest = plain + strlen("{\"metadata\":{");
	struct error err;
	assert_int_equal(digest_text(body, digest, &err), 0);
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"annotations\":{\"" REQUEST_DIGEST_ANNOTATION "\":\"%s\"},%s", digest,
		 rest);
	return json;
}

/* The execution that this wish makes: with its digest, and of its moment. */
static inline const char *own(const char *name, const char *status)
{
	static char ring[4][4096];
	static unsigned at;
	char *json = ring[at++ % 4];
	const char *rest = earlier(name, status, STR(BODY)) + strlen("{\"metadata\":{\"annotations\":{");
	snprintf(json, 4096,
		 "{\"metadata\":{\"annotations\":{\"" REQUESTED_AT_ANNOTATION
		 "\":\"2025-11-24T16:00:00.000Z\",%s",
		 rest);
	return json;
}

static inline double created(const struct stage *stage, enum creation_mode mode)
{
	return metrics_get(stage->server.metrics, APISERVER_CREATED, METRIC_AT(mode));
}

#endif
