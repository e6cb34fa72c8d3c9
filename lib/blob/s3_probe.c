/* Is a bucket there and usable? Asked in the background, at most every few seconds, and remembered. A bucket
 * that is missing at the start is made. */
#include "lib/blob/s3_internal.h"

#define ASK_AGAIN_GOOD_US (10 * 1000000)
#define ASK_AGAIN_BAD_US (2 * 1000000)
#define TIMEOUT_MS 10000
/* What creates a bucket: a sentence of XML around the region. */
#define LOCATION_BODY_MAX 1024

static void take_good(struct s3_probe *probe)
{
	probe->state = S3_PROBE_GOOD;
	probe->seen = true;
}

static void take_refusal(struct s3_probe *probe, const struct http_response *response, const char *doing)
{
	s3_refusal(probe->store, probe->bucket, response, &probe->trouble);
	if (doing[0])
		error_wrap(&probe->trouble, "%s", doing);
	probe->state = S3_PROBE_BAD;
}

static int ask(struct s3_probe *probe, const char *method, const struct sigv4_pair *query, size_t count,
	       struct str body, http_done_cb done, struct error *err)
{
	const struct s3_call call = {method, probe->bucket, NULL, query, count, NULL};
	struct http_request_options options = {
	    HTTP_REQUEST_DEFAULTS,         .body = body, .timeout_ms = TIMEOUT_MS,
	    .max_response = S3_ANSWER_MAX, .done = done, .context = probe};
	probe->request = s3_send(probe->store, &call, options, err);
	return probe->request ? 0 : -1;
}

/* For a request that follows from an answer. */
static void ask_on(struct s3_probe *probe, const char *method, const struct sigv4_pair *query, size_t count,
		   struct str body, http_done_cb done)
{
	if (ask(probe, method, query, count, body, done, &probe->trouble) != 0)
		probe->state = S3_PROBE_BAD;
}

static void on_made(void *context, const struct http_response *response)
{
	struct s3_probe *probe = context;
	probe->request = NULL;
	/* Ours already: another replica was faster. */
	if (s3_is_success(response) || s3_answer_is(response, "BucketAlreadyOwnedByYou"))
		take_good(probe);
	else
		take_refusal(probe, response, "the bucket is missing, and making it failed");
}

static void make(struct s3_probe *probe)
{
	cleanup_buffer struct buffer body = BUFFER(LOCATION_BODY_MAX);
	if (strcmp(probe->store->region, "us-east-1") != 0) /* whose name isn't allowed there */
		buffer_appendf(&body,
			       "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
			       "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>",
			       probe->store->region);
	ask_on(probe, "PUT", NULL, 0, buffer_str(&body), on_made);
}

static void on_listed(void *context, const struct http_response *response)
{
	struct s3_probe *probe = context;
	probe->request = NULL;
	if (s3_is_success(response))
		take_good(probe);
	else
		take_refusal(probe, response, "");
}

static void on_head(void *context, const struct http_response *response)
{
	static const struct sigv4_pair list[] = {{{"list-type", 9}, {"2", 1}}, {{"max-keys", 8}, {"1", 1}}};
	struct s3_probe *probe = context;
	probe->request = NULL;
	if (s3_is_success(response))
		take_good(probe);
	else if (response->error)
		take_refusal(probe, response, "");
	else if (response->status == 404 && !probe->seen)
		make(probe);
	else /* the answer to HEAD has no body, so no words; the cheapest with the same right has */
		ask_on(probe, "GET", list, 2, STR(""), on_listed);
}

int s3_probe_start(struct s3_probe *probe, struct error *err)
{
	probe->asked_us = clock_monotonic_us(probe->store->clock);
	return ask(probe, "HEAD", NULL, 0, STR(""), on_head, err);
}

int s3_probe_check(struct s3_probe *probe, struct error *err)
{
	int64_t age = clock_monotonic_us(probe->store->clock) - probe->asked_us;
	int64_t limit = probe->state == S3_PROBE_GOOD ? ASK_AGAIN_GOOD_US : ASK_AGAIN_BAD_US;
	if (!probe->request && age >= limit && s3_probe_start(probe, err) != 0)
		return -1;
	if (probe->state == S3_PROBE_NONE)
		return error_set(err, ERR_UNAVAILABLE, "S3 at %s has not answered yet",
				 probe->store->endpoint.host);
	if (probe->state == S3_PROBE_BAD)
		return error_set(err, ERR_UNAVAILABLE, "%s", probe->trouble.message);
	return 0;
}
