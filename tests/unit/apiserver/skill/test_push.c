/* A push: the bytes, the object, and the watch that shows it; and each of them failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/skill/push.h"
#include "lib/base/temporary.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COLLECTION "/apis/skillbox.dev/v1alpha1/namespaces/ns/skills"
#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const struct dependencies no_dependencies = {.packages_fd = -1, .archive_fd = -1};
#define NOT_STORED "the skill could not be stored"
#define NOT_KNOWN "it is not known whether skill report@1.0.0 is stored"

struct told {
	unsigned calls;
	enum error_code code;
	char message[256], version[16];
	int64_t uploaded_ms;
};

static void on_pushed(void *context, const struct skill *skill, const struct error *failure)
{
	struct told *told = context;
	told->calls++;
	told->code = failure ? failure->code : ERR_NONE;
	snprintf(told->message, sizeof(told->message), "%s", failure ? failure->message : "");
	if (skill) {
		snprintf(told->version, sizeof(told->version), "%s", skill->spec.version);
		told->uploaded_ms = skill->uploaded_ms;
	}
}

static void told_is(const struct told *told, enum error_code code, const char *words)
{
	assert_int_equal(told->calls, 1);
	assert_int_equal(told->code, code);
	if (!strstr(told->message, words))
		fail_msg("\"%s\" lacks \"%s\"", told->message, words);
}

static int archive_fd;

static void push_with(struct stage *stage, const char *image, const struct dependencies *dependencies,
		      struct told *ret)
{
	struct skill_package package = {.manifest = {.name = (char *)"report",
						     .version = (char *)"1.0.0",
						     .description = (char *)"d",
						     .instructions = (char *)"i",
						     .lang = (char *)"python",
						     .image = (char *)(uintptr_t)image,
						     .cpu = (char *)"",
						     .memory = (char *)"",
						     .timeout_ms = 1000},
					.entrypoint = (char *)"main.py"};
	const struct skill_bundle bundle = {&package, dependencies, DIGEST, archive_fd, 7};
	*ret = (struct told){0};
	skill_push(&stage->server, stage->caller, &bundle, on_pushed, ret);
}

static void push(struct stage *stage, const char *image, struct told *ret)
{
	push_with(stage, image, &no_dependencies, ret);
}

static int setup(void **state)
{
	stage_setup(state);
	struct stage *stage = *state;
	stage->config.policy.default_memory = 256 << 20;
	stage->config.policy.max_memory = 1 << 30;
	archive_fd = temporary_file(NULL);
	return pwrite(archive_fd, "archive", 7, 0) == 7 ? 0 : -1;
}

static int teardown(void **state)
{
	close(archive_fd);
	return stage_teardown(state);
}

/* The object's name, of the object that is being posted. */
static const char *posted_name(void)
{
	static char name[256];
	const char *at = strstr(stage_kube("POST", COLLECTION)->body, "\"name\":\"");
	assert_non_null(at);
	at += strlen("\"name\":\"");
	snprintf(name, sizeof(name), "%.*s", (int)(strchr(at, '"') - at), at);
	return name;
}

/* The watch shows an upload of that moment. */
static void seen(struct stage *stage, const char *object, int64_t uploaded_ms)
{
	char json[1024], at[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(uploaded_ms, true, at);
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"u\",\"annotations\":{"
		 "\"" API_UPLOADED_AT_ANNOTATION
		 "\":\"%s\"}},\"spec\":{\"name\":\"report\",\"version\":\"1.0.0\",\"lang\":\"python\"}}",
		 object, at);
	stage_object(stage, CLUSTER_SKILLS, json);
}

static void test_ends_when_it_is_seen(void **state)
{
	struct stage *stage = *state;
	struct told told;
	push(stage, "", &told);
	const struct stage_call *put = stage_blob(STAGE_BLOB_PUT);
	assert_string_equal(put->stored, "archive");
	assert_string_equal(put->digest, DIGEST);
	stage_answer_blob(ERR_NONE, NULL);
	char *object = str_dup(str_of(posted_name()));
	assert_non_null(strstr(stage_kube("POST", COLLECTION)->body, DIGEST));
	stage_answer(201, "{}");
	assert_int_equal(told.calls, 0);
	seen(stage, object, STAGE_NOW_MS);
	told_is(&told, ERR_NONE, "");
	assert_string_equal(told.version, "1.0.0");
	assert_int_equal(told.uploaded_ms, STAGE_NOW_MS);
	free(object);
}

/* The watch may be faster than the answer; what is older goes all the same. */
static void test_seen_before_the_answer(void **state)
{
	struct stage *stage = *state;
	struct told told;
	seen(stage, "older", STAGE_NOW_MS - 5000);
	push(stage, "", &told);
	stage_answer_blob(ERR_NONE, NULL);
	seen(stage, posted_name(), STAGE_NOW_MS);
	told_is(&told, ERR_NONE, "");
	stage_answer(201, "{}");
	assert_int_equal(told.calls, 1);
	stage_kube("DELETE", COLLECTION "/older");
	stage_answer(500, "harmless: the newest counts anyway");
	assert_int_equal(stage_waiting(), 0);
}

/* The same bytes again: the object is there, and becomes the newest again. */
static void test_the_same_again(void **state)
{
	struct stage *stage = *state;
	struct told told;
	char path[512];
	push(stage, "", &told);
	stage_answer_blob(ERR_NONE, NULL);
	char *object = str_dup(str_of(posted_name()));
	seen(stage, object, STAGE_NOW_MS - 1); /* as it was */
	assert_int_equal(told.calls, 0);
	stage_answer(409, "exists");
	snprintf(path, sizeof(path), COLLECTION "/%s", object);
	const struct stage_call *patch = stage_kube("PATCH", path);
	assert_string_equal(patch->body, "{\"metadata\":{\"annotations\":{\"" API_UPLOADED_AT_ANNOTATION
					 "\":\"2025-11-24T16:00:00.000Z\"}}}");
	stage_answer(200, "{}");
	assert_int_equal(told.calls, 0);
	seen(stage, object, STAGE_NOW_MS);
	told_is(&told, ERR_NONE, "");
	free(object);
}

/* Time goes on from upload to upload, also when the clock doesn't. */
static void test_a_clock_that_is_behind(void **state)
{
	struct stage *stage = *state;
	struct told told;
	seen(stage, "older", STAGE_NOW_MS + 70);
	push(stage, "", &told);
	stage_answer_blob(ERR_NONE, NULL);
	seen(stage, posted_name(), STAGE_NOW_MS + 71);
	told_is(&told, ERR_NONE, "");
	assert_int_equal(told.uploaded_ms, STAGE_NOW_MS + 71);
	stage_answer(201, "{}");
	stage_answer(200, "{}"); /* the older one is deleted */
}

/* Nothing is stored; and whatever comes of a push, its place is free again. */
static void test_no_more_skills(void **state)
{
	struct stage *stage = *state;
	struct told told, second;
	stage->config.limits.max_skills = 1;
	stage_skill(stage, "another", "1.0.0", "");
	push(stage, "", &told);
	told_is(&told, ERR_NO_CAPACITY, "SKILLBOX_MAX_SKILLS");
	assert_int_equal(stage_waiting(), 0);
	stage->config.limits.max_skills = 2;
	for (int failed = 0; failed < 3; failed++) {
		push(stage, "", &told);
		if (failed == 0) {
			stage_answer_blob(ERR_IO, NULL);
		} else {
			stage_answer_blob(ERR_NONE, NULL);
			stage_answer(failed == 1 ? 403 : 422, "no");
		}
		assert_int_equal(told.calls, 1);
	}
	push(stage, "", &told);
	push(stage, "", &second); /* the same bytes */
	stage_forget(stage);
	assert_int_equal(told.calls + second.calls, 2);
	push(stage, "", &told);
	stage_answer_blob(ERR_NONE, NULL);
	seen(stage, posted_name(), STAGE_NOW_MS);
	told_is(&told, ERR_NONE, "");
	stage_answer(201, "{}");
}

static void test_an_image_that_is_not_allowed(void **state)
{
	struct told told;
	push(*state, "evil:1", &told);
	told_is(&told, ERR_IMAGE_NOT_ALLOWED, "evil:1");
	assert_int_equal(stage_waiting(), 0);
}

static void test_each_step_fails(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_refuse(STAGE_BLOB_PUT, 1);
	push(stage, "", &told);
	told_is(&told, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment");
	push(stage, "", &told);
	stage_answer_blob(ERR_IO, NULL);
	told_is(&told, ERR_INTERNAL, NOT_STORED "; the server's log");
	static const struct {
		int create, renew; /* status; -1: the call can't be made; 0 for renew: it isn't asked for */
		enum error_code code;
		const char *words;
	} rows[] = {{-1, 0, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment"},
		    {429, 0, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment"},
		    {503, 0, ERR_UNAVAILABLE, NOT_KNOWN},
		    {413, 0, ERR_BAD_REQUEST, NOT_STORED ": the cluster's rules refuse it"},
		    {409, -1, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment"},
		    {409, 403, ERR_INTERNAL, NOT_STORED "; the server's log"},
		    {409, 500, ERR_UNAVAILABLE, NOT_KNOWN}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		push(stage, "", &told);
		stage_refuse(STAGE_KUBE, rows[i].create < 0);
		stage_answer_blob(ERR_NONE, NULL);
		stage_refuse(STAGE_KUBE, rows[i].renew < 0);
		if (rows[i].create > 0)
			stage_answer(rows[i].create, "no");
		if (rows[i].renew > 0)
			stage_answer(rows[i].renew, "no");
		told_is(&told, rows[i].code, rows[i].words);
		assert_int_equal(waiters_count(stage->server.waiters, WAIT_SKILL), 0);
	}
}

/* A quota of Skills that others write, too, answers 409: the patch of what was never made was then a fault.
 */
static void test_a_conflict_stores_nothing(void **state)
{
	struct stage *stage = *state;
	struct told told;
	push(stage, "", &told);
	stage_answer_blob(ERR_NONE, NULL);
	stage_answer_conflict();
	told_is(&told, ERR_UNAVAILABLE,
		NOT_STORED ": the cluster was asked for too much of the same at once");
	assert_int_equal(stage_waiting(), 0);
}

static void test_not_answered_in_time(void **state)
{
	struct stage *stage = *state;
	struct told told;
	push(stage, "", &told);
	stage_answer_blob(ERR_NONE, NULL);
	stage_later(stage, 10000);
	told_is(&told, ERR_UNAVAILABLE, NOT_KNOWN);
	stage_answer(201, "{}");
	assert_int_equal(told.calls, 1);
}

static void test_not_seen_in_time(void **state)
{
	struct stage *stage = *state;
	struct told told;
	push(stage, "", &told);
	stage_answer_blob(ERR_NONE, NULL);
	stage_answer(201, "{}");
	stage_later(stage, 10000);
	told_is(&told, ERR_UNAVAILABLE, "skill report@1.0.0 is stored, but this server does not see it yet");
}

static void test_the_server_ends(void **state)
{
	struct told told;
	push(*state, "", &told);
	stage_forget(*state);
	told_is(&told, ERR_UNAVAILABLE, "the server is shutting down");
}

#define LOCK "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define PACKAGES "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define PACKAGES_JSON                                                                                        \
	"\"packages\":{\"digest\":\"" PACKAGES "\",\"size\":7,\"lock\":\"" LOCK                              \
	"\",\"files\":3,\"bytes\":%lld}"

static struct dependencies its_packages(int64_t bytes, int64_t file_room)
{
	return (struct dependencies){.lock = LOCK,
				     .packages_fd = archive_fd,
				     .packages_size = 7,
				     .packages_digest = PACKAGES,
				     .package_files = 3,
				     .package_bytes = bytes,
				     .file_room = file_room,
				     .archive_fd = -1};
}

/* The packages are stored before the archive, and the object names them. */
static void test_with_its_packages(void **state)
{
	struct told told;
	const struct dependencies with = its_packages(30, 0);
	char json[512];
	push_with(*state, "", &with, &told);
	assert_string_equal(stage_blob(STAGE_BLOB_PUT)->digest, PACKAGES);
	stage_answer_blob(ERR_NONE, NULL);
	assert_string_equal(stage_blob(STAGE_BLOB_PUT)->digest, DIGEST);
	stage_answer_blob(ERR_NONE, NULL);
	snprintf(json, sizeof(json), PACKAGES_JSON, 30LL);
	assert_non_null(strstr(stage_kube("POST", COLLECTION)->body, json));
	stage_answer(500, "no");
}

static void show_other(struct stage *stage, long long bytes)
{
	char packages[512], json[1024];
	snprintf(packages, sizeof(packages), PACKAGES_JSON, bytes);
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"other\",\"namespace\":\"ns\",\"uid\":\"o\"},\"spec\":{\"name\":"
		 "\"other\","
		 "\"version\":\"1.0.0\",\"lang\":\"python\",\"source\":{\"bundle\":{\"digest\":\"" DIGEST
		 "\",\"size\":1},%s}}}",
		 packages);
	stage_object(stage, CLUSTER_SKILLS, json);
}

static const struct dependencies only_listed = {.lock = LOCK, .packages_fd = -1, .archive_fd = -1};

/* Of an archive that lists its packages: those of another skill. */
static void test_packages_that_are_there(void **state)
{
	struct told told;
	char json[512];
	show_other(*state, 30);
	push_with(*state, "", &only_listed, &told);
	assert_string_equal(stage_blob(STAGE_BLOB_RENEW)->digest, PACKAGES);
	stage_answer_blob(ERR_NONE, NULL);
	assert_string_equal(stage_blob(STAGE_BLOB_PUT)->digest, DIGEST);
	stage_answer_blob(ERR_NONE, NULL);
	snprintf(json, sizeof(json), PACKAGES_JSON, 30LL);
	assert_non_null(strstr(stage_kube("POST", COLLECTION)->body, json));
	stage_answer(500, "no");
}

static void test_packages_that_are_missing(void **state)
{
	struct told told;
	push_with(*state, "", &only_listed, &told);
	told_is(&told, ERR_PACKAGES_MISSING, "push the archive with the wheels themselves");
	assert_int_equal(stage_waiting(), 0);
	show_other(*state, 30);
	push_with(*state, "", &only_listed, &told);
	stage_answer_blob(ERR_NOT_FOUND, NULL);
	told_is(&told, ERR_PACKAGES_MISSING, "are not stored any more");
	assert_int_equal(stage_waiting(), 0);
}

/* 256 MiB of memory have room for 192 of files. */
static void test_packages_without_room(void **state)
{
	struct told told;
	const struct dependencies large = its_packages(200LL << 20, 3 << 20);
	push_with(*state, "", &large, &told);
	told_is(&told, ERR_INVALID_SKILL,
		"its files need 204 MiB (its packages 201 of them), and a sandbox with resources.memory "
		"256Mi has "
		"room for 192 MiB, three quarters: ask for resources.memory: 271Mi");
	show_other(*state, 200LL << 20);
	push_with(*state, "", &only_listed, &told);
	told_is(&told, ERR_INVALID_SKILL, "its files need 201 MiB");
	assert_int_equal(stage_waiting(), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_ends_when_it_is_seen),    TEST(test_seen_before_the_answer),
	    TEST(test_the_same_again),          TEST(test_a_clock_that_is_behind),
	    TEST(test_no_more_skills),          TEST(test_an_image_that_is_not_allowed),
	    TEST(test_each_step_fails),         TEST(test_a_conflict_stores_nothing),
	    TEST(test_not_answered_in_time),    TEST(test_not_seen_in_time),
	    TEST(test_the_server_ends),         TEST(test_with_its_packages),
	    TEST(test_packages_that_are_there), TEST(test_packages_that_are_missing),
	    TEST(test_packages_without_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
