/* One build from the archive in a store to the package set in it; the Pod's end of the stream is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/build/job.h"
#include "lib/base/digest.h"
#include "lib/base/temporary.h"
#include "lib/skill/zip_write.h"
#include "tests/unit/controller/sandbox/fake_stream.h"
#include "tests/unit/lib/wheel/wheel_maker.h"
#include "tests/unit/remove_tree.h"

#include <stdio.h>
#include <unistd.h>

#define WHEEL "demo-1.0-py3-none-any.whl"

struct fixture {
	uv_loop_t loop;
	char directory[64];
	struct blob_store *store;
	struct controller_config config;
	struct skill skill;
	char digest[DIGEST_TEXT_SIZE];
	struct build_job *job;
	bool is_stored;
};

static void stored(void *context, const struct error *error, int fd, int64_t size)
{
	(void)fd, (void)size;
	assert_null(error);
	*(bool *)context = true;
}

static void changed(void *context)
{
	(void)context;
}

/* The archive is in the store. */
static void put_skill(struct fixture *f, const char *requirements)
{
	const struct archived files[] = {{"requirements.txt", str_of(requirements), false}};
	int fd = make_archive(files, 1);
	int64_t size = lseek(fd, 0, SEEK_END);
	assert_int_equal(digest_file_text(fd, 0, size, f->digest, NULL), 0);
	const struct blob_key key = {BLOB_SKILLS, "team", f->digest};
	assert_int_equal(blob_put(f->store, &key, fd, size, stored, &f->is_stored, NULL), 0);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(f->is_stored);
	close(fd);
	f->skill.spec.bundle.digest = f->digest;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;
	uv_loop_init(&f->loop);
	snprintf(f->directory, sizeof(f->directory), "/tmp/test_job.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	f->store =
	    blob_store_directory(&f->loop, f->directory, STR("a signing key"), "http://localhost", &err);
	assert_non_null(f->store);
	f->config.build.index_url = (char *)"https://index/simple";
	f->config.build.timeout_ms = 60000;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	build_job_free(f->job);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	blob_store_free(f->store);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	remove_tree(f->directory);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	struct wheel_target target;
	const struct build_job_services services = {&f->loop, NULL, f->store, &f->config};
	wheel_target_parse(STR("cp312-manylinux_2_36_x86_64"), &target, NULL);
	f->job = build_job_start(&services, &f->skill, "team", &target, "python:3.12-slim", changed, f, NULL);
	assert_non_null(f->job);
	uv_run(&f->loop, UV_RUN_DEFAULT);
}

/* The Pod has its input. */
static void give(struct fixture *f)
{
	const struct pod pod = {.meta = {.namespace = (char *)"builds", .name = (char *)"p"}};
	assert_int_equal(build_job_stage(f->job), BUILD_KNOWN);
	build_job_give(f->job, &pod);
	stream->handler.open(stream->context);
	assert_non_null(strstr(stream->written.data, "\"files\":{\"requirements.txt\":\"demo\"}"));
	assert_non_null(strstr(stream->written.data, "\"index_url\":\"https://index/simple\""));
}

static void say(struct str bytes)
{
	stream->handler.output(stream->context, bytes);
}

static void answer_with(struct str zip, const char *end)
{
	char head[256], hex[DIGEST_HEX_SIZE];
	assert_int_equal(digest_sha256_hex(zip, hex, NULL), 0);
	snprintf(head, sizeof(head), "SKILLBOX BUILD 1 ok 4 %zu %s\nlog\n", zip.n, hex);
	say(str_of(head));
	say(zip);
	say(str_of(end));
}

/* A zip with one file, in memory. */
static struct buffer zip_of(const char *name, struct str data)
{
	struct buffer bytes = BUFFER(1 << 20);
	int64_t size;
	int fd = temporary_file(NULL);
	struct zip_writer *writer = zip_writer_new(fd, NULL);
	assert_int_equal(zip_writer_add_bytes(writer, str_of(name), false, data, NULL), 0);
	assert_int_equal(zip_writer_end(writer, &size, NULL), 0);
	zip_writer_free(writer);
	assert_int_equal(pread(fd, buffer_reserve(&bytes, (size_t)size), (size_t)size, 0), size);
	bytes.len = (size_t)size;
	close(fd);
	return bytes;
}

static void test_built(void **state)
{
	struct fixture *f = *state;
	put_skill(f, "demo");
	start(f);
	assert_true(digest_is_text(str_of(build_job_key(f->job))));
	give(f);
	cleanup_buffer struct buffer wheel = make_small_wheel("demo-1.0", "demo", "VERSION = 1\n");
	cleanup_buffer struct buffer zip = zip_of("wheels/" WHEEL, buffer_str(&wheel));
	answer_with(buffer_str(&zip), "SKILLBOX BUILD END\n");
	assert_int_equal(build_job_stage(f->job), BUILD_WORKING); /* not before the stream's end */
	stream_end(NULL, 0);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	if (build_job_stage(f->job) != BUILD_DONE)
		fail_msg("%s", build_job_problem(f->job));
	const struct skill_packages *packages = build_job_packages(f->job);
	assert_true(packages->files >= 3 && packages->bytes > 0);
	assert_true(digest_is_text(str_of(packages->lock)));
	assert_string_equal(build_job_log(f->job), "log\n");
	bool is_there = false;
	const struct blob_key key = {BLOB_SKILLS, "team", packages->blob.digest};
	assert_int_equal(blob_renew(f->store, &key, packages->blob.size, stored, &is_there, NULL), 0);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(is_there);
}

/* What the index gave is judged like what a user pushed. */
static void test_no_wheel(void **state)
{
	struct fixture *f = *state;
	put_skill(f, "demo");
	start(f);
	give(f);
	cleanup_buffer struct buffer zip = zip_of("wheels/" WHEEL, STR("no zip at all"));
	answer_with(buffer_str(&zip), "SKILLBOX BUILD END\n");
	stream_end(NULL, 0);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(build_job_stage(f->job), BUILD_STAGE_REFUSED);
	assert_non_null(strstr(build_job_problem(f->job), WHEEL));
}

static void test_cut(void **state)
{
	struct fixture *f = *state;
	put_skill(f, "demo");
	start(f);
	give(f);
	answer_with(STR("some bytes"), "SKILLBOX");
	stream_end(NULL, 0);
	assert_int_equal(build_job_stage(f->job), BUILD_STAGE_FAILED);
	assert_non_null(strstr(build_job_problem(f->job), "before its answer was whole"));
}

static void test_reasons(void **state)
{
	struct fixture *f = *state;
	put_skill(f, "demo");
	start(f);
	give(f);
	say(STR("SKILLBOX BUILD 1 refused 20 0 -\nno package demo\nmoreSKILLBOX BUILD END\n"));
	stream_end(NULL, 0);
	assert_int_equal(build_job_stage(f->job), BUILD_STAGE_REFUSED);
	assert_string_equal(build_job_problem(f->job), "no package demo");

	f->job = build_job_free(f->job);
	start(f);
	give(f);
	stream->handler.error_output(stream->context, STR("python3: not found"));
	stream_end(NULL, 127);
	assert_int_equal(build_job_stage(f->job), BUILD_STAGE_FAILED);
	assert_non_null(strstr(build_job_problem(f->job), "exit code 127: python3: not found"));
}

static void test_no_archive(void **state)
{
	struct fixture *f = *state;
	put_skill(f, "demo");
	f->digest[10] = f->digest[10] == '0' ? '1' : '0';
	start(f);
	assert_int_equal(build_job_stage(f->job), BUILD_STAGE_FAILED);
	assert_non_null(strstr(build_job_problem(f->job), "could not be fetched"));
}

/* Whatever it is at: the tear-down's sanitizer finds nothing left. */
static void test_freed_on_its_way(void **state)
{
	struct fixture *f = *state;
	struct wheel_target target;
	const struct build_job_services services = {&f->loop, NULL, f->store, &f->config};
	put_skill(f, "demo");
	wheel_target_parse(STR("cp312-manylinux_2_36_x86_64"), &target, NULL);
	f->job = build_job_start(&services, &f->skill, "team", &target, "i", changed, f, NULL);
	f->job = build_job_free(f->job);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	start(f);
	give(f);
	f->job = build_job_free(f->job);
	assert_null(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_built, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_no_wheel, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_reasons, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_no_archive, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_freed_on_its_way, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
