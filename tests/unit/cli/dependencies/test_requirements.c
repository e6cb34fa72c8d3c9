#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/dependencies/requirements.h"
#include "cli/files/tree.h"
#include "cli/files/whole_file.h"

#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/skillbox-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256];
	struct error err = {0};
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (whole_file_write(path, str_of(text), 0600, &err) != 0)
		fail_msg("%s", err.message);
}

static void expect(const char *text, size_t count, const char *options, const char *urls)
{
	struct error err = {0};
	cleanup_requirements struct requirements r = REQUIREMENTS;
	write_file(REQUIREMENTS_NAME, text);
	if (requirements_read(folder, &r, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(r.count, count);
	assert_string_equal(r.options.data ? r.options.data : "", options);
	assert_string_equal(r.urls.data ? r.urls.data : "", urls);
}

static void test_lines(void **state)
{
	(void)state;
	expect("", 0, "", "");
	expect("# nothing\n\n   \n\t# here\n", 0, "", "");
	expect("\xef\xbb\xbfnumpy\r\npandas[x] >= 2 ; python_version > '3' # why\r\n", 2, "", "");
	expect("numpy \\\n  --hash=sha256:00 \\\n  --hash=sha256:11\n-e .\n--editable=x", 3, "", "");
	expect("a#b\n", 1, "", "");
	expect("-i https://x/simple --pre\n--extra-index-url=https://y # z\n", 0,
	       "-i https://x/simple --pre\n--extra-index-url=https://y\n", "");
	expect("-f 'my links'\n--find-links=https://l\n", 0,
	       "--find-links \"my links\"\n--find-links https://l\n", "");
	expect("one @ https://h/one-1-py3-none-any.whl#x ; a\nfile:two.whl\n./three.whl --hash=x\nfour; x == "
	       "'.whl'\n",
	       4, "", "https://h/one-1-py3-none-any.whl#x\nfile:two.whl\n./three.whl\n");
	expect("--requirement\n", 0, "", "");
}

static void test_files(void **state)
{
	cleanup_requirements struct requirements r = REQUIREMENTS;
	struct error err = {0};
	(void)state;
	write_file("sub/more.txt", "-rdeep.txt\n-f links\n-f /abs\nb\n-r ../requirements.txt\n");
	write_file("sub/deep.txt", "c\n--no-index\n");
	write_file("limits.txt", "d<1\n--pre\n-r sub/limits.txt\n");
	write_file("sub/limits.txt", "e<1\n");
	expect("-r sub/more.txt\na\n-c limits.txt --constraint=https://x/limits.txt\n", 3,
	       "--no-index\n--find-links sub/links\n--find-links /abs\n--pre\n", "");
	assert_int_equal(requirements_read(folder, &r, NULL), 0);
	assert_non_null(strstr(r.files.data, "  sub/deep.txt\n"));
	assert_non_null(strstr(r.files.data, "\n# https://x/limits.txt\n"));
	assert_int_equal(r.file_count, 5); /* each once, by whatever name it is included */
	write_file(REQUIREMENTS_NAME, "-r gone.txt\n");
	requirements_free(&r);
	assert_int_equal(requirements_read(folder, &r, &err), -1);
	assert_non_null(strstr(err.message, "gone.txt: No such file"));
}

static void test_too_many(void **state)
{
	cleanup_buffer struct buffer text = BUFFER(65536);
	cleanup_requirements struct requirements r = REQUIREMENTS;
	struct error err = {0};
	(void)state;
	for (int i = 0; i < 70; i++) {
		char name[32];
		snprintf(name, sizeof(name), "many/%d.txt", i);
		write_file(name, "a\n");
		buffer_appendf(&text, "-r %s\n", name);
	}
	write_file(REQUIREMENTS_NAME, text.data);
	assert_int_equal(requirements_read(folder, &r, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	tree_remove(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_files),
					   cmocka_unit_test(test_too_many)};
	return cmocka_run_group_tests(tests, begin, end);
}
