/* What a build Pod is given: of an archive what its requirements are, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/build/input.h"
#include "tests/unit/lib/skill/zip_maker.h"

#include <stdlib.h>
#include <unistd.h>

#define ENTRIES_MAX 8

struct pair {
	const char *name, *text;
};

/* Pairs of name and text, up to one without. */
static int read_input(const struct pair *pairs, struct build_input *ret, struct error *err)
{
	struct made_entry entries[ENTRIES_MAX] = {0};
	struct wheel_target target;
	size_t count = 0;
	for (; count < ENTRIES_MAX && pairs[count].name; count++) {
		entries[count].name = pairs[count].name;
		entries[count].data = pairs[count].text;
	}
	assert_int_equal(wheel_target_parse(STR("cp312-manylinux_2_36_x86_64"), &target, NULL), 0);
	int fd = make_entries(entries, count);
	const struct build_input_request request = {fd, &target, "https://index/simple", 60000};
	int status = build_input_read(&request, ret, err);
	close(fd);
	return status;
}

#define FILES(...) ((const struct pair[ENTRIES_MAX]){{"SKILL.md", "---\nname: x\n---\n"}, __VA_ARGS__})

static void check_files(const struct pair *pairs, const char *files)
{
	struct build_input input;
	struct error err = {0};
	if (read_input(pairs, &input, &err) != 0)
		fail_msg("%s", err.message);
	if (!strstr(input.text.data, files))
		fail_msg("%s lacks %s", input.text.data, files);
	char *end;
	long length = strtol(input.text.data, &end, 10);
	assert_int_equal(length, strlen(end + 1));
	build_input_free(&input);
}

static void test_which_files(void **state)
{
	(void)state;
	check_files(FILES({"requirements.txt", "six"}, {"notes.txt", "n"}),
		    "\"files\":{\"requirements.txt\":\"six\"}");
	check_files(FILES({"requirements.txt", "six"}, {"requirements.lock", "six==1"}),
		    "\"files\":{\"requirements.lock\":\"six==1\"}");
	check_files(FILES({"requirements.txt", "-r deps/more.txt # why\n"},
			  {"deps/more.txt", "-c ../pins.txt\n"}, {"pins.txt", "a==1"}, {"other.txt", "b"}),
		    "\"files\":{\"deps/more.txt\":\"-c ../pins.txt\\n\",\"pins.txt\":\"a==1\",");
	/* in a circle, and out of the archive */
	check_files(FILES({"requirements.txt", "--requirement=requirements.txt\n-r ../../x.txt\n-r no.txt"}),
		    "\"files\":{\"requirements.txt\":");
}

static void key_of(const struct pair *pairs, char ret[DIGEST_TEXT_SIZE])
{
	struct build_input input;
	assert_int_equal(read_input(pairs, &input, NULL), 0);
	memcpy(ret, input.key, DIGEST_TEXT_SIZE);
	build_input_free(&input);
}

/* The same requirements are the same key, whatever else the skill has, and in whatever order. */
static void test_key(void **state)
{
	(void)state;
	char first[DIGEST_TEXT_SIZE], other[DIGEST_TEXT_SIZE];
	key_of(FILES({"requirements.txt", "-r a.txt"}, {"a.txt", "six"}), first);
	key_of(FILES({"a.txt", "six"}, {"main.py", "print()"}, {"requirements.txt", "-r a.txt"}), other);
	assert_string_equal(first, other);
	key_of(FILES({"requirements.txt", "-r a.txt"}, {"a.txt", "six>1"}), other);
	assert_string_not_equal(first, other);
}

static void check_refused(const struct pair *pairs, const char *why)
{
	struct build_input input;
	struct error err = {0};
	assert_int_equal(read_input(pairs, &input, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	if (!strstr(err.message, why))
		fail_msg("%s lacks %s", err.message, why);
}

static void test_refused(void **state)
{
	(void)state;
	check_refused(FILES({"main.py", ""}), "no requirements.txt");
	check_refused(FILES({"requirements.txt", "\xff"}), "requirements.txt is no text in UTF-8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_which_files),
	    cmocka_unit_test(test_key),
	    cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
