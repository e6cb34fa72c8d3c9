/* An Execution comes back from its row as it went in, byte for byte. */
#include "tests/unit/lib/db/database.h"

#include "lib/base/id.h"
#include "lib/db/execution_row.h"

#define NOW 1800000000123

static char *copy(const char *text)
{
	char *result = str_dup(str_of(text));
	assert_non_null(result);
	return result;
}

static struct execution *finished(const char *name, int64_t requested_ms)
{
	char uid[ID_UUID_SIZE];
	struct execution *e = calloc(1, sizeof(*e));
	id_uuid4(uid);
	e->meta.name = copy(name);
	e->meta.uid = copy(uid);
	e->meta.namespace = copy("ns");
	e->requested_ms = requested_ms;
	e->spec.skill_name = copy("adder");
	e->spec.skill_version = copy("latest");
	e->status.succeeded.status = copy("True");
	e->status.succeeded.reason = copy("Succeeded");
	e->status.completed_ms = requested_ms + 50;
	e->status.timings = (struct execution_timings){-1, -1, -1, -1, -1, -1};
	return e;
}

static void read_row(const struct db_result *result, void *context)
{
	struct error err;
	struct execution **ret = context;
	if (db_result_rows(result) == 0)
		return;
	*ret = execution_row_read(result, 0, &err);
	if (!*ret)
		fail_msg("%s", err.message);
}

static void read_uid(const struct db_result *result, void *context)
{
	assert_int_equal(db_result_rows(result), 1);
	snprintf(context, 64, "%s", db_result_text(result, 0, 0));
}

static void put(struct database *database, const struct execution *e, const char *id, const char *tenant,
		char uid[64])
{
	struct error err;
	struct db_parameters *p = execution_row_write(e, id, tenant, &err);
	assert_non_null(p);
	assert_int_equal(database_run(database, DB_EXECUTION_PUT, p, read_uid, uid), ERR_NONE);
}

static struct execution *get(struct database *database, const char *id, const char *tenant)
{
	struct execution *found = NULL;
	struct db_parameters *p = db_parameters_new();
	db_put_text(p, id);
	db_put_text(p, tenant);
	assert_int_equal(database_run(database, DB_EXECUTION_GET, p, read_row, &found), ERR_NONE);
	return found;
}

static void check_bytes(struct database *database, const char *text)
{
	char id[ID_UUID_SIZE], uid[64];
	id_uuid4(id);
	struct execution *e = finished(id, NOW);
	e->spec.input = copy(text);
	e->status.output = copy(text);
	e->status.logs = copy(text);
	put(database, e, id, "t", uid);
	assert_string_equal(uid, e->meta.uid);
	struct execution *back = get(database, id, "t");
	assert_non_null(back);
	assert_string_equal(back->spec.input, text);
	assert_string_equal(back->status.output, text);
	assert_string_equal(back->status.logs, text);
	execution_free(back);
	execution_free(e);
}

static void test_user_data_byte_for_byte(void **state)
{
	DATABASE_OR_SKIP(state);
	check_bytes(*state, "1234567890123456789012345678901234567890.000100");
	check_bytes(*state, "{\"a\":1,\"a\":2,\"b\":1e999,\"c\":-0.0}");
	check_bytes(*state, "\"\\u0000 \\ud800 \\/ \\u00e9\"");
	check_bytes(*state, " [ 1 ,\t2\r\n] ");
	check_bytes(*state, "");
	check_bytes(*state, "'; DROP TABLE sandbox.executions; -- \\ $1 %s \xf0\x9f\x98\x80 \x01\x7f");
	char *large = malloc((1 << 20) + 1);
	for (int i = 0; i < 1 << 20; i++)
		large[i] = (char)('!' + i % 93);
	large[1 << 20] = '\0';
	check_bytes(*state, large);
	free(large);
}

static void test_everything(void **state)
{
	DATABASE_OR_SKIP(state);
	char id[ID_UUID_SIZE], uid[64];
	static const char digest[] =
	    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	id_uuid4(id);
	struct execution *e = finished(id, NOW);
	free(e->status.succeeded.status);
	free(e->status.succeeded.reason);
	e->status.succeeded =
	    (struct condition){copy("False"), copy("TimedOut"), copy("it took too long"), 0, 0};
	e->spec.input_ref = (struct blob_ref){copy(digest), 300000};
	e->status.output_ref = (struct blob_ref){copy(digest), 300001};
	e->status.logs_ref = (struct blob_ref){copy(digest), 300002};
	e->status.files_ref = (struct blob_ref){copy(digest), 300003};
	e->status.files = calloc(2, sizeof(char *));
	e->status.files[0] = copy("a/\"b\"\n.txt");
	e->status.files[1] = copy("\xc3\xa9");
	e->status.file_count = 2;
	e->status.logs = copy("the end");
	e->status.logs_truncated = true;
	e->status.has_exit_code = true;
	e->status.exit_code = 137;
	e->status.error = copy("execution timed out after 5s");
	e->status.error_code = copy("timeout");
	e->status.duration_ms = 5001;
	e->status.timings = (struct execution_timings){0.25, 0, 1.5, 12.125, -1, 16.876};
	e->status.warm = true;
	e->status.skill_version = copy("1.10.0");
	e->status.skill_digest = copy(digest);
	e->status.image = copy("bash:5");
	e->status.image_id = copy("bash@sha256:x");
	e->status.pod_name = copy("pod");
	e->status.attempt = 2;
	e->status.started_ms = NOW + 7;
	e->status.isolation = isolation_new(1, NULL);
	assert_non_null(e->status.isolation);
	e->status.isolation->layers[0] = (struct execution_layer){copy("landlock"), copy("ABI 7"), true};
	put(*state, e, id, "t", uid);
	assert_null(get(*state, id, "somebody else"));
	struct execution *back = get(*state, id, "t");
	assert_non_null(back);
	assert_string_equal(execution_id(back), id);
	assert_string_equal(back->meta.uid, e->meta.uid);
	assert_string_equal(back->meta.namespace, "ns");
	assert_string_equal(execution_rest_status(back), "timeout");
	assert_true(execution_is_finished(back));
	assert_string_equal(back->status.succeeded.message, "it took too long");
	assert_int_equal(back->status.isolation->count, 1);
	assert_string_equal(back->status.isolation->layers[0].name, "landlock");
	assert_string_equal(back->status.isolation->layers[0].detail, "ABI 7");
	assert_true(back->status.isolation->layers[0].active);
	assert_string_equal(back->spec.skill_name, "adder");
	assert_string_equal(back->spec.skill_version, "latest");
	assert_null(back->spec.input);
	assert_null(back->status.output);
	assert_string_equal(back->spec.input_ref.digest, digest);
	assert_int_equal(back->spec.input_ref.size, 300000);
	assert_int_equal(back->status.output_ref.size, 300001);
	assert_int_equal(back->status.logs_ref.size, 300002);
	assert_int_equal(back->status.files_ref.size, 300003);
	assert_string_equal(back->status.files_ref.digest, digest);
	assert_int_equal(back->status.file_count, 2);
	assert_string_equal(back->status.files[0], "a/\"b\"\n.txt");
	assert_string_equal(back->status.files[1], "\xc3\xa9");
	assert_string_equal(back->status.logs, "the end");
	assert_true(back->status.logs_truncated && back->status.warm && back->status.has_exit_code);
	assert_int_equal(back->status.exit_code, 137);
	assert_string_equal(back->status.error, e->status.error);
	assert_string_equal(back->status.error_code, "timeout");
	assert_int_equal(back->status.duration_ms, 5001);
	assert_memory_equal(&back->status.timings, &e->status.timings, sizeof(e->status.timings));
	assert_string_equal(back->status.skill_version, "1.10.0");
	assert_string_equal(back->status.skill_digest, digest);
	assert_string_equal(back->status.image, "bash:5");
	assert_string_equal(back->status.pod_name, "pod");
	assert_int_equal(back->status.attempt, 2);
	assert_int_equal(back->requested_ms, NOW);
	assert_int_equal(back->status.started_ms, NOW + 7);
	assert_int_equal(back->status.completed_ms, NOW + 50);
	execution_free(back);
	execution_free(e);
}

static void test_repeats_and_strangers(void **state)
{
	DATABASE_OR_SKIP(state);
	char id[ID_UUID_SIZE], uid[64];
	id_uuid4(id);
	struct execution *e = finished(id, NOW), *stranger = finished(id, NOW + 1000);
	e->status.output = copy("1");
	stranger->status.output = copy("2");
	put(*state, e, id, "t", uid);
	put(*state, e, id, "t", uid);
	assert_string_equal(uid, e->meta.uid);
	/* another object of the same name: the row stays whose it is, and the answer says so */
	put(*state, stranger, id, "t", uid);
	assert_string_equal(uid, e->meta.uid);
	put(*state, stranger, stranger->meta.uid, "t", uid);
	assert_string_equal(uid, stranger->meta.uid);
	struct execution *back = get(*state, id, "t");
	assert_string_equal(back->status.output, "1");
	assert_false(back->status.has_exit_code);
	assert_true(back->status.timings.queue < 0);
	assert_string_equal(execution_rest_status(back), "success");
	execution_free(back);
	back = get(*state, stranger->meta.uid, "t");
	assert_string_equal(back->status.output, "2");
	assert_string_equal(execution_id(back), stranger->meta.uid);
	execution_free(back);
	/* a later end of the same object counts */
	free(e->status.output);
	e->status.output = copy("3");
	e->status.completed_ms++;
	put(*state, e, id, "t", uid);
	back = get(*state, id, "t");
	assert_string_equal(back->status.output, "3");
	execution_free(back);
	execution_free(e);
	execution_free(stranger);
}

struct page {
	size_t rows;
	char ids[8][64];
	int64_t created_ms[8];
};

static void read_page(const struct db_result *result, void *context)
{
	struct page *page = context;
	struct error err;
	page->rows = db_result_rows(result);
	for (size_t i = 0; i < page->rows && i < 8; i++) {
		struct execution *e = execution_row_read(result, i, &err);
		assert_non_null(e);
		assert_null(e->spec.input);
		snprintf(page->ids[i], 64, "%s", execution_id(e));
		page->created_ms[i] = e->requested_ms;
		execution_free(e);
	}
}

static struct page list(struct database *database, const char *tenant, const char *skill, const char *status,
			int64_t created_ms, const char *id, int64_t limit)
{
	struct page page = {0};
	struct db_parameters *p = db_parameters_new();
	db_put_text(p, tenant);
	db_put_text(p, skill);
	db_put_text(p, status);
	db_put_time(p, created_ms);
	db_put_text(p, id);
	db_put_int(p, limit);
	assert_int_equal(database_run(database, DB_EXECUTION_LIST, p, read_page, &page), ERR_NONE);
	return page;
}

static void test_list(void **state)
{
	DATABASE_OR_SKIP(state);
	char tenant[ID_UUID_SIZE], ids[5][ID_UUID_SIZE], uid[64];
	id_uuid4(tenant);
	for (int i = 0; i < 5; i++) {
		id_uuid4(ids[i]);
		ids[i][0] = (char)('0' + i);
		/* two of the same moment: the id decides */
		struct execution *e = finished(ids[i], NOW + (i == 3 ? 2 : i));
		e->spec.input = copy("never in a list");
		put(*state, e, ids[i], tenant, uid);
		execution_free(e);
	}
	struct page page = list(*state, tenant, NULL, NULL, 0, NULL, 10);
	assert_int_equal(page.rows, 5);
	const int order[] = {4, 3, 2, 1, 0};
	for (int i = 0; i < 5; i++)
		assert_string_equal(page.ids[i], ids[order[i]]);
	assert_int_equal(page.created_ms[0], NOW + 4);
	page = list(*state, tenant, "adder", "success", NOW + 2, ids[3], 2);
	assert_int_equal(page.rows, 2);
	assert_string_equal(page.ids[0], ids[2]);
	assert_string_equal(page.ids[1], ids[1]);
	assert_int_equal(list(*state, tenant, "other", NULL, 0, NULL, 10).rows, 0);
	assert_int_equal(list(*state, tenant, NULL, "failed", 0, NULL, 10).rows, 0);
	assert_int_equal(list(*state, "nobody", NULL, NULL, 0, NULL, 10).rows, 0);
}

struct named {
	size_t rows;
	bool seen[4];
};

static void digest_of(char kind, int number, char ret[80])
{
	snprintf(ret, 80, "sha256:%c%063d", kind, number);
}

static void read_named(const struct db_result *result, void *context)
{
	struct named *named = context;
	char digest[80];
	named->rows = db_result_rows(result);
	for (size_t row = 0; row < named->rows; row++)
		for (int i = 0; i < 4; i++) {
			digest_of("abcd"[i], 1, digest);
			named->seen[i] |= strcmp(db_result_text(result, row, 0), digest) == 0;
		}
}

/* Which blobs the history refers to, whichever the column and the tenant. */
static void test_named_blobs(void **state)
{
	DATABASE_OR_SKIP(state);
	char id[ID_UUID_SIZE], uid[64], digest[80];
	struct blob_ref *ref;
	for (int i = 0; i < 4; i++) {
		id_uuid4(id);
		struct execution *e = finished(id, NOW);
		ref = i == 0   ? &e->spec.input_ref
		      : i == 1 ? &e->status.output_ref
		      : i == 2 ? &e->status.logs_ref
			       : &e->status.files_ref;
		digest_of("abcd"[i], 1, digest);
		*ref = (struct blob_ref){copy(digest), 1};
		put(*state, e, id, i % 2 ? "t" : "u", uid);
		execution_free(e);
	}
	/* as many as a sweep asks for at once */
	struct buffer all = BUFFER(65536);
	buffer_append_byte(&all, '{');
	for (int i = 0; i < 256; i++) {
		digest_of("abcdef"[i % 6], i < 6 ? 1 : i, digest);
		buffer_appendf(&all, "%s%s", i ? "," : "", digest);
	}
	buffer_append_byte(&all, '}');
	struct named named = {0};
	struct db_parameters *p = db_parameters_new();
	db_put_text(p, all.data);
	assert_int_equal(database_run(*state, DB_BLOBS_NAMED, p, read_named, &named), ERR_NONE);
	assert_int_equal(named.rows, 4);
	assert_true(named.seen[0] && named.seen[1] && named.seen[2] && named.seen[3]);
	p = db_parameters_new();
	db_put_text(p, "{}");
	assert_int_equal(database_run(*state, DB_BLOBS_NAMED, p, read_named, &named), ERR_NONE);
	assert_int_equal(named.rows, 0);
	buffer_free(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_user_data_byte_for_byte, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_everything, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_repeats_and_strangers, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_list, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_named_blobs, database_open, database_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
