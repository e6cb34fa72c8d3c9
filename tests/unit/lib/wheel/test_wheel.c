/* lib/wheel/wheel.c: what is unpacked, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/wheel.h"
#include "lib/wheel/wheelhouse.h"
#include "wheel_maker.h"
#include "zip_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "demo-1.0-py3-none-any.whl"

/* What came, as "path mode=bytes\n" each. */
struct seen {
	struct buffer text;
	bool skip;
};

static int see_file(void *context, const struct archive_entry *entry, struct str hash, struct error *err)
{
	struct seen *seen = context;
	(void)err;
	assert_true(hash.n > 7 || strstr(entry->path, "/RECORD"));
	buffer_appendf(&seen->text, "\n%s %o=", entry->path, entry->mode);
	return seen->skip;
}

static int see_data(void *context, struct str piece, struct error *err)
{
	struct seen *seen = context;
	(void)err;
	assert_false(seen->skip);
	return buffer_append_str(&seen->text, piece);
}

static int read_named(int fd, const char *file, struct seen *seen, struct wheel_summary *ret,
		      struct problems *problems, struct error *err)
{
	struct wheel_name name;
	struct wheel_visitor visitor = {see_file, see_data, seen};
	assert_int_equal(wheel_name_parse(str_of(file), &name, err), 0);
	seen->text = BUFFER((size_t)1 << 20);
	int status = wheel_read(fd, &name, &wheelhouse_limits_default, &visitor, ret, problems, err);
	close(fd);
	return status;
}

static char *expect_good(const struct made_wheel *wheel, const char *file, struct wheel_summary *ret)
{
	cleanup_problems struct problems problems = PROBLEMS;
	struct error err = {0};
	struct seen seen = {.skip = false};
	if (read_named(make_wheel_file(wheel), file, &seen, ret, &problems, &err) != 0)
		fail_msg("%s", problems.count ? problems.items[0] : err.message);
	return buffer_steal(&seen.text);
}

static void expect_problem(int fd, const char *file, const char *problem)
{
	cleanup_problems struct problems problems = PROBLEMS;
	struct error err = {.code = ERR_NONE};
	struct seen seen = {.skip = false};
	struct wheel_summary summary = {.left_out = 77};
	if (read_named(fd, file, &seen, &summary, &problems, &err) == 0)
		fail_msg("taken, instead of: %s", problem);
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.items[0], problem);
	assert_int_equal(summary.left_out, 77);
	buffer_free(&seen.text);
}

static void expect_refused(const struct made_wheel *wheel, const char *problem)
{
	expect_problem(make_wheel_file(wheel), FILE_NAME, problem);
}

static void expect_file_refused(struct made_file file, const char *problem)
{
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .files = &file, .count = 1}, problem);
}

static void expect_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in %s", part, text);
}

static void files_come_with_their_place_and_mode(void **state)
{
	(void)state;
	const struct made_file files[] = {
	    {.path = "demo/__init__.py", .data = "x = 1\n"},
	    {.path = "demo/empty.py", .data = ""},
	    {.path = "demo/tool", .data = "#!", .mode = 0750},
	    {.path = "demo/a,\"b\".txt", .data = "c", .algorithm = "sha512"},
	    {.path = "demo/.DS_Store", .data = "litter, but RECORD has it"},
	    {.path = "demo/SKILL.md", .data = "no wrapper"},
	    {.path = "demo/tests/data/x.pth", .data = "torch"},
	    {.path = "demo-1.0.data/purelib/pure.py", .data = "p", .algorithm = "sha384"},
	    {.path = "demo-1.0.data/platlib/demo/fast.so", .data = "ELF", .mode = 0755},
	    {.path = "demo-1.0.data/scripts/demo", .data = "#!python"},
	    {.path = "demo-1.0.data/headers/demo.h", .data = ""},
	    {.path = "demo-1.0.data/data/share/man/demo.1", .data = "m"},
	    {.path = "demo-1.0.dist-info/RECORD.jws", .data = "{}", .is_unlisted = true},
	    {.path = "demo-1.0.dist-info/licenses/LICENSE", .data = "free"},
	};
	struct wheel_summary summary;
	char *text = expect_good(&(struct made_wheel){.stem = "demo-1.0",
						      .files = files,
						      .count = sizeof(files) / sizeof(files[0])},
				 FILE_NAME, &summary);
	expect_has(text, "\ndemo/__init__.py 644=x = 1\n");
	expect_has(text, "\ndemo/empty.py 644=\n");
	expect_has(text, "\ndemo/tool 755=#!\n");
	expect_has(text, "\ndemo/a,\"b\".txt 644=c\n");
	expect_has(text, "\ndemo/.DS_Store 644=litter");
	expect_has(text, "\ndemo/SKILL.md 644=no wrapper\n");
	expect_has(text, "\ndemo/tests/data/x.pth 644=torch\n");
	expect_has(text, "\npure.py 644=p\n");
	expect_has(text, "\ndemo/fast.so 755=ELF\n");
	expect_has(text, "\ndemo-1.0.dist-info/METADATA 644=Metadata-Version");
	expect_has(text, "\ndemo-1.0.dist-info/RECORD 644=demo/__init__.py,sha256=");
	expect_has(text, "\ndemo-1.0.dist-info/licenses/LICENSE 644=free");
	assert_null(strstr(text, "scripts/demo "));
	assert_null(strstr(text, "demo.h "));
	assert_int_equal(summary.left_out, 3);
	assert_string_equal(summary.example, "demo-1.0.data/data/share/man/demo.1");
	free(text);
}

/* Old tools wrote the folder in other ways than the file's name. */
static void folders_may_be_written_otherwise(void **state)
{
	(void)state;
	struct wheel_summary summary;
	const struct made_file files[] = {{.path = "Foo.Bar-1.0.data/purelib/a.py", .data = "a"}};
	char *text = expect_good(&(struct made_wheel){.stem = "Foo.Bar-1.0", .files = files, .count = 1},
				 "foo_bar-1.0.0-py3-none-any.whl", &summary);
	expect_has(text, "\na.py 644=a");
	free(text);
}

static void what_nobody_wants_is_checked_all_the_same(void **state)
{
	(void)state;
	cleanup_problems struct problems problems = PROBLEMS;
	struct error err;
	struct seen seen = {.skip = true};
	struct wheel_summary summary;
	struct made_file file = {.path = "a.py", .data = "evil", .recorded = "good"};
	struct made_wheel wheel = {.stem = "demo-1.0", .files = &file, .count = 1};
	assert_int_equal(read_named(make_wheel_file(&wheel), FILE_NAME, &seen, &summary, &problems, &err),
			 -1);
	assert_int_equal(problems.count, 1);
	buffer_free(&seen.text);
}

#define CHANGED ": the wheel was changed or is damaged, bring it again"

static void files_must_be_those_of_record(void **state)
{
	(void)state;
	expect_file_refused((struct made_file){.path = "a.py", .data = "evil", .recorded = "good"},
			    "\"a.py\" is not the file of RECORD, its sha256 differs" CHANGED);
	expect_file_refused(
	    (struct made_file){.path = "a.py", .data = "evil", .recorded = "good", .algorithm = "sha512"},
	    "\"a.py\" is not the file of RECORD, its sha512 differs" CHANGED);
	expect_file_refused(
	    (struct made_file){.path = "a.py", .data = "", .recorded = "good", .recorded_size = "0"},
	    "\"a.py\" is not the file of RECORD, its sha256 differs" CHANGED);
	expect_file_refused(
	    (struct made_file){.path = "demo-1.0.data/scripts/a", .data = "b", .recorded = "a"},
	    "\"demo-1.0.data/scripts/a\" is not the file of RECORD, its sha256 differs" CHANGED);
	expect_file_refused((struct made_file){.path = "a.py", .data = "good", .recorded_size = "5"},
			    "\"a.py\" has 4 bytes, RECORD says 5" CHANGED);
	expect_file_refused(
	    (struct made_file){.path = "a.py", .data = "x", .is_unlisted = true},
	    "\"a.py\" is not listed in RECORD: the wheel was changed, bring it as it was published");
	expect_file_refused((struct made_file){.path = "a.py", .data = "x", .is_missing = true},
			    "RECORD lists \"a.py\", which the wheel doesn't have");
	expect_file_refused((struct made_file){.path = "../a.py", .data = "x", .is_missing = true},
			    "RECORD lists \"../a.py\", which the wheel doesn't have");
	expect_file_refused((struct made_file){.path = "a.py", .data = "x", .is_unhashed = true},
			    "RECORD has no hash of \"a.py\"");
	expect_file_refused((struct made_file){.path = "a.py", .data = "x", .algorithm = "md5"},
			    "RECORD: a hash is none of sha256=, sha384= and sha512=");
	struct made_file file = {.path = "a.py", .data = "x"};
	expect_refused(
	    &(struct made_wheel){
		.stem = "demo-1.0", .files = &file, .count = 1, .record_more = "a.py,sha256=abc,1\n"},
	    "RECORD lists \"a.py\" twice, with two hashes");
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .record_more = "\"a"},
		       "RECORD: a quotation mark is not closed");
}

static void every_file_that_differs_is_named(void **state)
{
	(void)state;
	cleanup_problems struct problems problems = PROBLEMS;
	struct error err = {.code = ERR_NONE};
	struct seen seen = {.skip = false};
	struct wheel_summary summary;
	const struct made_file files[] = {{.path = "a.py", .data = "evil", .recorded = "good"},
					  {.path = "b.py", .data = "fine"},
					  {.path = "c.py", .data = "evil", .recorded = "good"}};
	struct made_wheel wheel = {.stem = "demo-1.0", .files = files, .count = 3};
	assert_int_equal(read_named(make_wheel_file(&wheel), FILE_NAME, &seen, &summary, &problems, &err),
			 -1);
	assert_int_equal(problems.count, 2);
	assert_int_equal(err.code, ERR_NONE);
	buffer_free(&seen.text);
}

#define PTH                                                                                                  \
	": Python runs what is in a .pth file at every start, where it is installed; here packages are on "  \
	"sys.path, where no .pth file is read, so the package would not work as it means to: take a "        \
	"version "                                                                                           \
	"without it, or an image that has the package"

static void files_that_python_runs_by_itself(void **state)
{
	(void)state;
	expect_file_refused((struct made_file){.path = "demo.pth", .data = "import os"}, "\"demo.pth\"" PTH);
	expect_file_refused((struct made_file){.path = "Demo.PTH", .data = "import os"}, "\"Demo.PTH\"" PTH);
	expect_file_refused((struct made_file){.path = "demo-1.0.data/purelib/demo.pth", .data = "import os"},
			    "\"demo-1.0.data/purelib/demo.pth\"" PTH);
	expect_file_refused((struct made_file){.path = "demo-1.0.data/platlib/demo.pth", .data = "import os"},
			    "\"demo-1.0.data/platlib/demo.pth\"" PTH);
}

static void data_folders_of_others(void **state)
{
	(void)state;
	static const char *const foreign[] = {"other-1.0.data/purelib/a.py", "demo-2.0.data/purelib/a.py",
					      "demo.data/a.py", ".data/a.py"};
	static const char *const unknown[] = {"demo-1.0.data/stdlib/os.py", "demo-1.0.data/a.py",
					      "demo-1.0.data/Scripts/a"};
	char problem[256];
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		snprintf(problem, sizeof(problem),
			 "\"%s\": the folder is that of another wheel: only its own NAME-VERSION.data may be "
			 "there",
			 foreign[i]);
		expect_file_refused((struct made_file){.path = foreign[i], .data = "a"}, problem);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		snprintf(problem, sizeof(problem),
			 "\"%s\": a wheel's .data folder has purelib, platlib, scripts, headers and data, "
			 "and nothing "
			 "else",
			 unknown[i]);
		expect_file_refused((struct made_file){.path = unknown[i], .data = "a"}, problem);
	}
}

static void the_metadata_must_be_its_own(void **state)
{
	(void)state;
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .wheel = ""},
		       "its .dist-info folder has no file WHEEL");
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .metadata = ""},
		       "its .dist-info folder has no file METADATA");
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .record = ""},
		       "its .dist-info folder has no file RECORD");
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .wheel = "Wheel-Version: 2.0\n"},
		       "WHEEL has Wheel-Version \"2.0\", it must be 1.x");
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .wheel = "\nWheel-Version: 1.0\n"},
		       "WHEEL has Wheel-Version \"\", it must be 1.x");
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .metadata = "Name: other\nVersion: 1.0\n"},
		       "METADATA has the name \"other\", another than the file's name");
	expect_refused(&(struct made_wheel){.stem = "demo-1.0", .metadata = "Name: Demo\nVersion: 1.1\n"},
		       "METADATA has the version \"1.1\", another than the file's name");
	expect_file_refused(
	    (struct made_file){.path = "other-2.0.dist-info/METADATA", .data = "x"},
	    "\"other-2.0.dist-info\": a wheel has one .dist-info folder, with the name and the version "
	    "of its file's name");
	expect_file_refused(
	    (struct made_file){.path = "Demo-1.0.dist-info/entry_points.txt", .data = "x"},
	    "\"demo-1.0.dist-info\": a wheel has one .dist-info folder, with the name and the version "
	    "of its file's name");
}

static void a_wheel_of_another_name(void **state)
{
	(void)state;
	const struct made_entry entries[] = {{.name = "demo/SKILL.md", .data = "x"}};
	expect_refused(
	    &(struct made_wheel){.stem = "other-1.0"},
	    "\"other-1.0.dist-info\": a wheel has one .dist-info folder, with the name and the version "
	    "of its file's name");
	expect_refused(
	    &(struct made_wheel){.stem = "demo-1.1"},
	    "\"demo-1.1.dist-info\": a wheel has one .dist-info folder, with the name and the version "
	    "of its file's name");
	expect_problem(make_entries(entries, 1), FILE_NAME,
		       "it is no wheel, there is no folder demo-1.0.dist-info");
}

static void what_is_no_zip_or_no_safe_one(void **state)
{
	(void)state;
	const struct made_entry climbing[] = {{.name = "../a.py", .data = "x"}};
	const struct made_entry link[] = {{.name = "a.py", .data = "/etc/passwd", .mode = S_IFLNK | 0777}};
	const struct made_entry twice[] = {{.name = "a.py"}, {.name = "a.py"}};
	const struct made_entry locked[] = {{.name = "a.py", .flags = 1}};
	const struct made_entry icon[] = {{.name = "Icon\r"}};
	expect_problem(make_file(STR("PK, but no zip")), FILE_NAME,
		       "the archive is not a zip file or is damaged: it is too short");
	expect_problem(
	    make_entries(climbing, 1), FILE_NAME,
	    "archive entry \"../a.py\": the name has a \"..\", it must stay in the skill's folder");
	expect_problem(make_entries(link, 1), FILE_NAME,
		       "archive entry \"a.py\": it is a symbolic link: put the file itself in its place");
	expect_problem(make_entries(twice, 2), FILE_NAME, "archive entry \"a.py\": the name is there twice");
	expect_problem(make_entries(locked, 1), FILE_NAME,
		       "archive entry \"a.py\": it is encrypted: write the archive without a password");
	expect_problem(make_entries(icon, 1), FILE_NAME,
		       "archive entry \"Icon?\": the name has a control character");
}

static int take_file(void *context, const struct archive_entry *entry, struct str hash, struct error *err)
{
	(void)entry;
	(void)hash;
	return context ? error_set(err, ERR_UNAVAILABLE, "no files today") : 0;
}

static int fail_data(void *context, struct str piece, struct error *err)
{
	(void)context;
	(void)piece;
	return error_set(err, ERR_IO, "the disk is gone");
}

static void a_visitor_ends_the_reading(void **state)
{
	(void)state;
	cleanup_problems struct problems problems = PROBLEMS;
	struct error err;
	struct wheel_name name;
	struct wheel_visitor visitor = {take_file, fail_data, NULL};
	struct wheel_summary summary;
	struct made_file file = {.path = "a.py", .data = "four"};
	int fd = make_wheel_file(&(struct made_wheel){.stem = "demo-1.0", .files = &file, .count = 1});
	const struct archive_limits *limits = &wheelhouse_limits_default;
	wheel_name_parse(STR(FILE_NAME), &name, &err);
	assert_int_equal(wheel_read(fd, &name, limits, NULL, &summary, &problems, &err), 0);
	assert_int_equal(wheel_read(fd, &name, limits, &visitor, &summary, &problems, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "the disk is gone");
	visitor.context = &visitor;
	assert_int_equal(wheel_read(fd, &name, limits, &visitor, &summary, &problems, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(problems.count, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_come_with_their_place_and_mode),
	    cmocka_unit_test(folders_may_be_written_otherwise),
	    cmocka_unit_test(what_nobody_wants_is_checked_all_the_same),
	    cmocka_unit_test(files_must_be_those_of_record),
	    cmocka_unit_test(every_file_that_differs_is_named),
	    cmocka_unit_test(files_that_python_runs_by_itself),
	    cmocka_unit_test(data_folders_of_others),
	    cmocka_unit_test(the_metadata_must_be_its_own),
	    cmocka_unit_test(a_wheel_of_another_name),
	    cmocka_unit_test(what_is_no_zip_or_no_safe_one),
	    cmocka_unit_test(a_visitor_ends_the_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
