/* A case's file and a server's answer, as the command line reads both: "FILE\0ANSWER". The same value differs
 * nowhere from itself, and two values differ whichever is asked about first. */
#include "cli/cases/test_case.h"
#include "lib/base/jsontext.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t differ(struct str wanted, struct str got)
{
	struct differences found = {0};
	if (json_compare(wanted, got, "v", &found, NULL) != 0)
		abort();
	size_t count = found.count;
	differences_free(&found);
	return count;
}

static void judge(struct str file, struct str answer)
{
	struct test_case test;
	struct differences found = {0};
	char *text = str_dup(file);
	if (!text || test_case_parse("tests/x.json", text, file.n, &test, NULL) != 0)
		return;
	if (jsontext_kind_of(answer) == JSONTEXT_OBJECT)
		(void)test_case_judge(&test, answer, &found, NULL);
	differences_free(&found);
	test_case_free(&test);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str file, answer;
	const struct jsontext_rules rules = {.max_depth = JSON_COMPARE_DEPTH};
	str_split_once((struct str){(const char *)data, size}, '\0', &file, &answer);
	if (jsontext_check(answer, &rules, NULL) != 0)
		return 0;
	answer = str_trim(answer);
	judge(file, answer);
	if (jsontext_check(file, &rules, NULL) != 0)
		return 0;
	file = str_trim(file);
	if (differ(file, file) != 0 || differ(answer, answer) != 0 ||
	    (differ(file, answer) == 0) != (differ(answer, file) == 0))
		abort();
	return 0;
}
