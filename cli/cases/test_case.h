/* A case of a skill: what goes in, and what is to come out (docs/skills.md, "Cases of a skill"). */
#ifndef SKILLBOX_CLI_CASES_TEST_CASE_H
#define SKILLBOX_CLI_CASES_TEST_CASE_H

#include "cli/cases/json_compare.h"
#include "cli/variable.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define TEST_CASE_MAX_SIZE ((size_t)1 << 20)
#define TEST_CASES_MAX 1000

struct test_case {
	char *file; /* "tests/empty.json" */
	char *name; /* "empty" */
	char *text; /* of the file, which the strs below point into */
	struct str input;
	struct variable *env;
	size_t env_count;
	struct str output; /* p NULL: any */
	char *error_code;  /* NULL: it is to succeed */
	char *error;       /* a part of the error; NULL: any */
	struct str files;  /* an array; p NULL: any */
	char *log_has;     /* a part of the log; NULL: any */
};

/* From the text of a file; takes it (malloc's), also on failure. file: "tests/NAME.json". */
int test_case_parse(const char *file, char *text, size_t size, struct test_case *ret, struct error *err);
void test_case_free(struct test_case *test);

/* What of a result is not as it should be: none, and the case has passed. result: the object that the server
 * answers with once an execution has ended. */
int test_case_judge(const struct test_case *test, struct str result, struct differences *ret,
		    struct error *err);

/* Those of a skill's folder, in lexical order of their files' names. ret: test_cases_free. None: ret->count
 * is 0. */
struct test_cases {
	struct test_case *items;
	size_t count;
};
int test_cases_read(const char *folder, struct test_cases *ret, struct error *err);
void test_cases_free(struct test_cases *tests);
#define cleanup_test_cases __attribute__((cleanup(test_cases_free)))

#endif
