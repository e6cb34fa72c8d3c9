#include "apiserver/blob/sweep.h"

#include "apiserver/metrics.h"
#include "lib/base/log.h"
#include "lib/blob/directory_limits.h"
#include "lib/blob/directory_sweep.h"

#include <stdlib.h>

#define RETRY_MS 60000
#define NOT_READY_RETRY_MS 5000

struct blob_sweep {
	struct apiserver *server;
	uv_timer_t timer;
	int64_t before_ms;           /* of this sweep: what was stored before may go */
	struct blob_page page;       /* the one under way: what may still go */
	struct blob_removal removed; /* by this sweep */
};

static void go_on(struct blob_sweep *sweep);

/* When */

static void on_timer(uv_timer_t *timer);

static void again_in(struct blob_sweep *sweep, int64_t ms)
{
	int64_t interval = sweep->server->config->blob_sweep_interval_ms;
	uv_timer_start(&sweep->timer, on_timer, (uint64_t)(ms < interval ? ms : interval), 0);
	uv_unref((uv_handle_t *)&sweep->timer);
}

/* Why nothing can be known now of what is referred to, or NULL. */
static const char *not_ready(const struct blob_sweep *sweep, struct error *problem)
{
	const struct apiserver *server = sweep->server;
	const char *why = cluster_problem(server->cluster);
	if (why)
		return why;
	/* Where the volume was brought back first, all blobs would seem superfluous. */
	if (informer_count(cluster_informer(server->cluster, CLUSTER_SKILLS)) == 0 &&
	    informer_count(cluster_informer(server->cluster, CLUSTER_EXECUTIONS)) == 0)
		return "there is no Skill and no Execution in the cluster";
	return server->db && db_check(server->db, problem) != 0 ? problem->message : NULL;
}

static void tell(const struct blob_sweep *sweep, enum sweep_end end)
{
	char count[24], bytes[24];
	struct metrics *metrics = sweep->server->metrics;
	metrics_add(metrics, APISERVER_BLOB_SWEEPS, METRIC_AT(end), 1);
	metrics_add(metrics, APISERVER_BLOBS_REMOVED, METRIC_PLAIN, (double)sweep->removed.count);
	metrics_add(metrics, APISERVER_BLOB_BYTES_REMOVED, METRIC_PLAIN, (double)sweep->removed.bytes);
	if (sweep->removed.count == 0)
		return;
	snprintf(count, sizeof(count), "%zu", sweep->removed.count);
	snprintf(bytes, sizeof(bytes), "%lld", (long long)sweep->removed.bytes);
	log_info("blobs removed that nothing referred to", "count", count, "bytes", bytes, NULL);
}

static void give_up(struct blob_sweep *sweep, const char *why)
{
	tell(sweep, SWEEP_BROKEN_OFF);
	log_warn("the sweep of blobs was broken off", "reason", why, NULL);
	again_in(sweep, RETRY_MS);
}

static void on_timer(uv_timer_t *timer)
{
	struct blob_sweep *sweep = timer->data;
	struct error problem;
	const char *why = not_ready(sweep, &problem);
	if (why) {
		log_debug("the sweep of blobs waits", "reason", why, NULL);
		again_in(sweep, NOT_READY_RETRY_MS);
		return;
	}
	sweep->before_ms = clock_wall_ms(sweep->server->clock) - sweep->server->config->blob_grace_ms;
	sweep->removed = (struct blob_removal){0};
	sweep->page.next = (struct blob_cursor){0};
	go_on(sweep);
}

/* One page: old, not in the cluster, not in the history, removed */

/* Keep in the page what `is_named` doesn't know. */
static void drop_named(struct blob_sweep *sweep, bool (*is_named)(const void *context, const char *digest),
		       const void *context)
{
	struct blob_page *page = &sweep->page;
	size_t left = 0;
	for (size_t i = 0; i < page->count; i++)
		if (!is_named(context, page->blobs[i].digest))
			page->blobs[left++] = page->blobs[i];
	page->count = left;
}

static bool is_in_cluster(const void *context, const char *digest)
{
	const struct blob_sweep *sweep = context;
	return cluster_names_blob(sweep->server->cluster, str_of(digest));
}

static bool is_in_rows(const void *context, const char *digest)
{
	const struct db_result *rows = context;
	for (size_t i = 0; i < db_result_rows(rows); i++) {
		const char *named = db_result_text(rows, i, 0);
		if (named && strcmp(named, digest) == 0)
			return true;
	}
	return false;
}

static void page_done(struct blob_sweep *sweep)
{
	if (!sweep->page.is_last) {
		go_on(sweep);
		return;
	}
	struct error err;
	tell(sweep, SWEEP_DONE);
	if (blob_directory_count(sweep->server->blobs, &err) != 0)
		log_warn("the embedded store could not be counted", "reason", err.message, NULL);
	again_in(sweep, INT64_MAX);
}

static void on_removed(void *context, const struct error *error, const struct blob_removal *removed)
{
	struct blob_sweep *sweep = context;
	sweep->removed.count += removed->count;
	sweep->removed.bytes += removed->bytes;
	if (error)
		give_up(sweep, error->message);
	else
		page_done(sweep);
}

static void remove_rest(struct blob_sweep *sweep)
{
	struct error err;
	if (sweep->page.count == 0)
		page_done(sweep);
	else if (blob_directory_remove(sweep->server->blobs, sweep->page.blobs, sweep->page.count,
				       sweep->before_ms, on_removed, sweep, &err) != 0)
		give_up(sweep, err.message);
}

static void on_named(void *context, const struct db_result *result, const struct error *error)
{
	struct blob_sweep *sweep = context;
	if (error) {
		give_up(sweep, error->message);
		return;
	}
	drop_named(sweep, is_in_rows, result);
	remove_rest(sweep);
}

/* The cluster was asked before: an Execution is in the history before it leaves the cluster. */
static void ask_history(struct blob_sweep *sweep)
{
	struct error err;
	cleanup_buffer struct buffer digests = BUFFER(BLOB_PAGE_MAX * (DIGEST_TEXT_SIZE + 1) + 2);
	for (size_t i = 0; i < sweep->page.count; i++)
		buffer_appendf(&digests, "%c%s", i ? ',' : '{', sweep->page.blobs[i].digest);
	buffer_append_byte(&digests, '}');
	if (digests.failed) {
		give_up(sweep, "out of memory");
		return;
	}
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, digests.data);
	struct db_call call = {
	    .statement = DB_BLOBS_NAMED, .parameters = parameters, .done = on_named, .context = sweep};
	if (db_run(sweep->server->db, &call, &err) != 0)
		give_up(sweep, err.message);
}

static void on_page(void *context, const struct error *error, const struct blob_page *page)
{
	struct blob_sweep *sweep = context;
	struct error problem;
	const char *why = error ? error->message : not_ready(sweep, &problem);
	if (why) {
		give_up(sweep, why);
		return;
	}
	sweep->page = *page;
	drop_named(sweep, is_in_cluster, sweep);
	if (sweep->server->db && sweep->page.count > 0)
		ask_history(sweep);
	else
		remove_rest(sweep);
}

static void go_on(struct blob_sweep *sweep)
{
	struct error err;
	if (blob_directory_old(sweep->server->blobs, &sweep->page.next, sweep->before_ms, on_page, sweep,
			       &err) != 0)
		give_up(sweep, err.message);
}

/* Life */

struct blob_sweep *blob_sweep_new(struct apiserver *server, struct error *err)
{
	struct blob_sweep *sweep = calloc(1, sizeof(*sweep));
	if (!sweep) {
		error_no_memory(err);
		return NULL;
	}
	sweep->server = server;
	uv_timer_init(server->loop, &sweep->timer); /* can't fail, nor can the start with a callback */
	sweep->timer.data = sweep;
	again_in(sweep, 0);
	return sweep;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct blob_sweep *blob_sweep_free(struct blob_sweep *sweep)
{
	if (sweep)
		uv_close((uv_handle_t *)&sweep->timer, on_closed);
	return NULL;
}
