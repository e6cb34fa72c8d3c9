/* For tests of blob stores: a scratch directory, and calls that wait on the loop for their answer. */
#ifndef SKILLBOX_TESTS_BLOB_UTIL_H
#define SKILLBOX_TESTS_BLOB_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/digest.h"
#include "lib/base/temporary.h"
#include "lib/blob/blob.h"
#include "tests/unit/remove_tree.h"

#include <stdlib.h>
#include <unistd.h>

#define SIGNING_KEY STR("a signing key of some length")

/* What a callback told. */
struct answer {
	unsigned calls;
	struct error error; /* ERR_NONE: none */
	int fd;
	int64_t size;
};

static inline void on_answer(void *context, const struct error *error, int fd, int64_t size)
{
	struct answer *answer = context;
	answer->calls++;
	answer->error = error ? *error : (struct error){0};
	answer->fd = fd;
	answer->size = size;
}

static inline void wait_for(uv_loop_t *loop, const struct answer *answer)
{
	while (answer->calls == 0) /* the test program's own time limit ends a wait in vain */
		uv_run(loop, UV_RUN_ONCE);
	assert_int_equal(answer->calls, 1);
}

static inline int file_with(const char *data, size_t size)
{
	int fd = temporary_file(NULL);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

static inline struct answer put(uv_loop_t *loop, struct blob_store *store, const struct blob_key *key,
				const char *data, size_t size)
{
	struct answer answer = {0};
	int fd = file_with(data, size);
	assert_int_equal(blob_put(store, key, fd, (int64_t)size, on_answer, &answer, NULL), 0);
	wait_for(loop, &answer);
	assert_int_equal(answer.fd, -1);
	close(fd);
	return answer;
}

static inline struct answer get(uv_loop_t *loop, struct blob_store *store, const struct blob_key *key,
				int64_t max)
{
	struct answer answer = {0};
	assert_int_equal(blob_get(store, key, max, on_answer, &answer, NULL), 0);
	wait_for(loop, &answer);
	return answer;
}

static inline struct answer delete (uv_loop_t *loop, struct blob_store *store, const struct blob_key *key)
{
	struct answer answer = {0};
	assert_int_equal(blob_delete(store, key, on_answer, &answer, NULL), 0);
	wait_for(loop, &answer);
	assert_int_equal(answer.fd, -1);
	return answer;
}

/* The answer holds exactly these bytes; closes its file. */
static inline void expect_bytes(const struct answer *answer, const char *data, size_t size)
{
	assert_string_equal(answer->error.message, "");
	assert_int_equal(answer->size, (int64_t)size);
	char *bytes = malloc(size + 1);
	assert_non_null(bytes);
	assert_int_equal(lseek(answer->fd, 0, SEEK_CUR), 0);
	assert_int_equal(pread(answer->fd, bytes, size + 1, 0), (ssize_t)size);
	assert_memory_equal(bytes, data, size);
	free(bytes);
	close(answer->fd);
}

static inline void expect_error(const struct answer *answer, enum error_code code, const char *message)
{
	assert_string_equal(answer->error.message, message);
	assert_int_equal(answer->error.code, code);
	assert_int_equal(answer->fd, -1);
	assert_int_equal(answer->size, 0);
}

#endif
