/* lib/wheel/wheelhouse.c and its parts: the wheels of an archive as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/wheelhouse.h"
#include "wheel_maker.h"
#include "zip_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEMO "wheels/demo-1.0-py3-none-any.whl"
#define OTHER "wheels/other-2.0-cp312-cp312-manylinux_2_17_x86_64.whl"

static struct wheel_target target;
static struct buffer demo, other; /* good wheels: demo.py, other.py */
static char demo_sum[128], other_sum[128];

static int make_wheels(void **state)
{
	(void)state;
	demo = make_small_wheel("demo-1.0", "demo.py", "x = 1\n");
	other = make_small_wheel("other-2.0", "other.py", "y = 2\n");
	snprintf(demo_sum, sizeof(demo_sum), "%s", sha256_of(buffer_str(&demo)));
	snprintf(other_sum, sizeof(other_sum), "%s", sha256_of(buffer_str(&other)));
	return wheel_target_parse(STR("cp312-manylinux_2_36_x86_64"), &target, NULL);
}

static int free_wheels(void **state)
{
	(void)state;
	buffer_free(&demo);
	buffer_free(&other);
	return 0;
}

/* ---- reading */

/* What came, as "path mode=bytes\n" each. */
static struct buffer seen;

static int see_file(void *context, const struct archive_entry *entry, struct error *err)
{
	(void)context;
	(void)err;
	buffer_appendf(&seen, "\n%s %o=", entry->path, entry->mode);
	return 0;
}

static int see_data(void *context, struct str piece, struct error *err)
{
	(void)context;
	(void)err;
	return buffer_append_str(&seen, piece);
}

static const struct archive_visitor visitor = {see_file, see_data, NULL};

static struct wheelhouse_request request_of(int fd)
{
	buffer_free(&seen);
	seen = BUFFER((size_t)1 << 20);
	return (struct wheelhouse_request){
	    .zip_fd = fd,
	    .archive = &archive_limits_default,
	    .wheels = &wheelhouse_limits_default,
	    .target = &target,
	    .image = STR("python:3.12-slim"),
	    .visitor = &visitor,
	};
}

static struct wheelhouse expect_good(int fd)
{
	struct wheelhouse house;
	struct error err;
	struct wheelhouse_request request = request_of(fd);
	if (wheelhouse_read(&request, &house, &err) != 0)
		fail_msg("%s", err.message);
	close(fd);
	return house;
}

static void expect_request_refused(const struct wheelhouse_request *request, const char *message)
{
	struct wheelhouse untouched = {.count = 77};
	struct error err = {0};
	char wanted[2048];
	snprintf(wanted, sizeof(wanted), "invalid skill: %s", message);
	if (wheelhouse_read(request, &untouched, &err) == 0)
		fail_msg("taken, instead of: %s", message);
	assert_string_equal(err.message, wanted);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	assert_int_equal(untouched.count, 77);
	close(request->zip_fd);
}

static void expect_refused(const struct archived *files, size_t count, const char *message)
{
	struct wheelhouse_request request = request_of(make_archive(files, count));
	expect_request_refused(&request, message);
}

/* With the two good wheels. */
static void expect_text_refused(const char *path, const char *text, const char *message)
{
	const struct archived files[] = {
	    {.path = DEMO, .data = buffer_str(&demo)},
	    {.path = OTHER, .data = buffer_str(&other)},
	    {.path = path, .data = str_of(text)},
	};
	expect_refused(files, 3, message);
}

static struct wheelhouse expect_text_good(const char *path, const char *text)
{
	const struct archived files[] = {
	    {.path = DEMO, .data = buffer_str(&demo)},
	    {.path = OTHER, .data = buffer_str(&other)},
	    {.path = path, .data = str_of(text)},
	};
	return expect_good(make_archive(files, 3));
}

static void expect_one_wheel_refused(const char *path, struct buffer *wheel, const char *message)
{
	const struct archived file = {.path = path, .data = buffer_str(wheel)};
	expect_refused(&file, 1, message);
	buffer_free(wheel);
}

static void expect_seen(const char *part)
{
	if (!strstr(seen.data, part))
		fail_msg("no \"%s\" in %s", part, seen.data);
}

static char *sums_text(void)
{
	static char text[512];
	snprintf(text, sizeof(text), "%s  %s\n%s  %s\n", demo_sum, DEMO + 7, other_sum, OTHER + 7);
	return text;
}

/* ---- what is good */

static void wheels_become_one_folder(void **state)
{
	(void)state;
	const struct archived files[] = {
	    {.path = OTHER, .data = buffer_str(&other)},
	    {.path = "main.py", .data = STR("import demo\n")},
	    {.path = DEMO, .data = buffer_str(&demo)},
	    {.path = "wheels/.DS_Store", .data = STR("litter")},
	    {.path = "requirements.txt",
	     .data = STR("demo == 1.0.0\nOther>=1\nsix ; python_version < '3'\n")},
	};
	struct wheelhouse house = expect_good(make_archive(files, 5));
	assert_int_equal(house.count, 2);
	assert_true(house.has_wheels);
	assert_true(house.has_requirements);
	assert_string_equal(house.packages[0].name, "demo");
	assert_string_equal(house.packages[0].version, "1.0");
	assert_string_equal(house.packages[0].file, DEMO + 7);
	assert_string_equal(house.packages[0].sha256, demo_sum);
	assert_string_equal(house.packages[1].name, "other");
	assert_string_equal(house.sums, sums_text());
	char lock[DIGEST_TEXT_SIZE];
	digest_text(str_of(sums_text()), lock, NULL);
	assert_string_equal(house.lock, lock);
	assert_int_equal(house.file_count, 8);
	assert_int_equal(house.warnings.count, 0);
	assert_true(house.byte_count > 12);
	expect_seen("\ndemo.py 644=x = 1\n");
	expect_seen("\nother.py 644=y = 2\n");
	expect_seen("\ndemo-1.0.dist-info/RECORD 644=demo.py,sha256=");
	assert_true(strstr(seen.data, "demo.py") < strstr(seen.data, "other.py"));
	wheelhouse_free(&house);
	wheelhouse_free(&house);
}

static void an_archive_without_wheels_has_none(void **state)
{
	(void)state;
	const struct archived file = {.path = "requirements.txt", .data = STR("numpy\n")};
	struct wheelhouse house = expect_good(make_archive(&file, 1));
	assert_int_equal(house.count, 0);
	assert_false(house.has_wheels);
	assert_true(house.has_requirements);
	assert_null(house.sums);
	assert_string_equal(house.lock, "");
	wheelhouse_free(&house);
	house = expect_good(make_archive(NULL, 0));
	assert_false(house.has_requirements);
	wheelhouse_free(&house);
}

static void a_wrapper_folder_makes_no_difference(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "skill/SKILL.md", .data = "x"},
	    {.name = "skill/" DEMO, .data = demo.data, .data_size = demo.len},
	};
	struct wheelhouse house = expect_good(make_entries(entries, 2));
	assert_int_equal(house.count, 1);
	wheelhouse_free(&house);
}

static void any_target_is_taken_without_one(void **state)
{
	(void)state;
	struct buffer wheel = make_small_wheel("demo-1.0", "demo.py", "");
	const struct archived file = {.path = "wheels/demo-1.0-cp27-none-win32.whl",
				      .data = buffer_str(&wheel)};
	struct wheelhouse house;
	struct error err;
	struct wheelhouse_request request = request_of(make_archive(&file, 1));
	request.target = NULL;
	request.visitor = NULL;
	assert_int_equal(wheelhouse_read(&request, &house, &err), 0);
	assert_int_equal(house.file_count, 4);
	close(request.zip_fd);
	wheelhouse_free(&house);
	buffer_free(&wheel);
}

static void what_might_surprise_is_a_warning(void **state)
{
	(void)state;
	const struct made_file first[] = {{.path = "shared.py", .data = "a"},
					  {.path = "same.py", .data = "s"},
					  {.path = "a-1.data/scripts/a", .data = "#!python"}};
	const struct made_file second[] = {{.path = "shared.py", .data = "b"},
					   {.path = "same.py", .data = "s"}};
	struct buffer a = make_wheel(&(struct made_wheel){.stem = "a-1", .files = first, .count = 3});
	struct buffer b = make_wheel(&(struct made_wheel){.stem = "b-1", .files = second, .count = 2});
	const struct archived files[] = {{.path = "wheels/b-1-py3-none-any.whl", .data = buffer_str(&b)},
					 {.path = "wheels/a-1-py3-none-any.whl", .data = buffer_str(&a)}};
	struct wheelhouse house = expect_good(make_archive(files, 2));
	assert_int_equal(house.warnings.count, 2);
	assert_string_equal(
	    house.warnings.items[0],
	    "wheels/a-1-py3-none-any.whl: scripts, headers and data files are left out, since nothing "
	    "would find them: 1, such as \"a-1.data/scripts/a\"");
	assert_string_equal(
	    house.warnings.items[1],
	    "wheels/a-1-py3-none-any.whl and wheels/b-1-py3-none-any.whl both have \"shared.py\", and "
	    "not the same: that of the first is used");
	assert_int_equal(house.file_count, 8);
	expect_seen("\nshared.py 644=a\n");
	assert_null(strstr(seen.data, "shared.py 644=b"));
	wheelhouse_free(&house);
	buffer_free(&a);
	buffer_free(&b);
}

/* ---- what isn't */

static void a_wheel_for_another_platform(void **state)
{
	(void)state;
	struct buffer wheel = make_small_wheel("numpy-2.1", "numpy.py", "");
	expect_one_wheel_refused("wheels/numpy-2.1-cp311-cp311-win_amd64.whl", &wheel,
				 "wheels/numpy-2.1-cp311-cp311-win_amd64.whl is for CPython 3.11 on "
				 "win_amd64, but python:3.12-slim has "
				 "CPython 3.12 on manylinux_2_36_x86_64: take the wheel with cp312-cp312 (or "
				 "cp3…-abi3, or py3-none) and "
				 "manylinux_2_36_x86_64 or an older manylinux, or any");
}

static void a_bad_wheel_is_named(void **state)
{
	(void)state;
	const struct made_file files[] = {{.path = "a.py", .data = "evil", .recorded = "good"},
					  {.path = "b.py", .data = "evil", .recorded = "good"}};
	struct buffer wheel =
	    make_wheel(&(struct made_wheel){.stem = "demo-1.0", .files = files, .count = 2});
	expect_one_wheel_refused(
	    DEMO, &wheel,
	    DEMO ": \"a.py\" is not the file of RECORD, its sha256 differs: the wheel was changed "
		 "or is damaged, bring it again; " DEMO
		 ": \"b.py\" is not the file of RECORD, its sha256 differs: the wheel was changed or "
		 "is damaged, bring it again");
	wheel = make_wheel(&(struct made_wheel){.stem = "demo-1.0", .files = files, .count = 1});
	const struct archived both[] = {{.path = DEMO, .data = buffer_str(&wheel)},
					{.path = OTHER, .data = buffer_str(&other)}};
	expect_refused(
	    both, 2,
	    DEMO ": \"a.py\" is not the file of RECORD, its sha256 differs: the wheel was changed or is "
		 "damaged, bring it again");
	expect_seen("a.py");
	assert_null(strstr(seen.data, "other.py")); /* once something is wrong, nothing goes on */
	buffer_free(&wheel);
	const struct archived file = {.path = DEMO, .data = STR("<html>404 Not Found</html>")};
	expect_refused(&file, 1,
		       DEMO ": the archive is not a zip file or is damaged: there is no end record");
}

static void a_bomb_as_a_wheel(void **state)
{
	(void)state;
	struct buffer bomb = BUFFER((size_t)8 << 20);
	struct stat st;
	int fd = make_zeros((size_t)4 << 20);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(buffer_reserve(&bomb, (size_t)st.st_size));
	assert_int_equal(pread(fd, bomb.data, (size_t)st.st_size, 0), st.st_size);
	bomb.len = (size_t)st.st_size;
	close(fd);
	char message[256];
	snprintf(message, sizeof(message),
		 DEMO ": the archive unpacks to more than 200 times its size (4194305 bytes from %zu), which "
		      "looks like a "
		      "decompression bomb",
		 bomb.len);
	expect_one_wheel_refused(DEMO, &bomb, message);
}

static void other_files_beside_the_wheels(void **state)
{
	(void)state;
	static const char *const sources[] = {"demo-1.0.tar.gz", "demo-1.0.zip", "sub/demo-1.0.tar.bz2"};
	static const char *const others[] = {"README.md", "sub/demo-1.0-py3-none-any.whl", "demo-1.0.whl.asc",
					     "demo-1.0-py3-none-any.WHL"};
	char path[64], message[512];
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		snprintf(path, sizeof(path), "wheels/%s", sources[i]);
		snprintf(message, sizeof(message),
			 "%s is a source distribution, which would have to run its setup code to be "
			 "installed: bring a "
			 "wheel of the package (pip download --only-binary :all:, or pip wheel where it can "
			 "be built)",
			 path);
		const struct archived file = {.path = path, .data = STR("x")};
		expect_refused(&file, 1, message);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "wheels/%s", others[i]);
		snprintf(message, sizeof(message), "wheels/ may hold wheels only (*.whl): \"%s\" is none",
			 path);
		const struct archived file = {.path = path, .data = STR("x")};
		expect_refused(&file, 1, message);
	}
	const struct archived file = {.path = "wheels/demo.whl", .data = STR("x")};
	expect_refused(
	    &file, 1,
	    "wheels/demo.whl: a wheel's name is NAME-VERSION-PYTHON-ABI-PLATFORM.whl, such as "
	    "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.whl: keep the name that it has at the package "
	    "index");
}

static void two_wheels_of_one_package(void **state)
{
	(void)state;
	struct buffer older = make_small_wheel("Demo-0.9", "demo.py", "x = 0\n");
	const struct archived files[] = {
	    {.path = DEMO, .data = buffer_str(&demo)},
	    {.path = "wheels/Demo-0.9-py3-none-any.whl", .data = buffer_str(&older)},
	};
	expect_refused(files, 2,
		       "wheels/Demo-0.9-py3-none-any.whl and " DEMO
		       " are of one package: only one of them can be imported, leave out the other");
	buffer_free(&older);
}

static void paths_that_can_t_be_both(void **state)
{
	(void)state;
	const struct made_file file = {.path = "a", .data = "x"}, folder = {.path = "a/b.py", .data = "y"};
	const struct made_file twice[] = {{.path = "m.py", .data = "x"},
					  {.path = "a-1.data/platlib/m.py", .data = "x"}};
	struct buffer a = make_wheel(&(struct made_wheel){.stem = "a-1", .files = &file, .count = 1});
	struct buffer b = make_wheel(&(struct made_wheel){.stem = "b-1", .files = &folder, .count = 1});
	const struct archived files[] = {{.path = "wheels/a-1-py3-none-any.whl", .data = buffer_str(&a)},
					 {.path = "wheels/b-1-py3-none-any.whl", .data = buffer_str(&b)}};
	expect_refused(
	    files, 2,
	    "wheels/a-1-py3-none-any.whl has \"a\" as a file, and wheels/b-1-py3-none-any.whl as a folder");
	buffer_free(&a);
	buffer_free(&b);
	a = make_wheel(&(struct made_wheel){.stem = "a-1", .files = twice, .count = 2});
	expect_one_wheel_refused(
	    "wheels/a-1-py3-none-any.whl", &a,
	    "wheels/a-1-py3-none-any.whl: \"m.py\" is there twice, once in its .data folder");
}

static void limits_are_for_all_wheels_together(void **state)
{
	(void)state;
	const struct archived files[] = {{.path = DEMO, .data = buffer_str(&demo)},
					 {.path = OTHER, .data = buffer_str(&other)}};
	struct archive_limits limits = wheelhouse_limits_default;
	struct wheelhouse_request request = request_of(make_archive(files, 2));
	request.wheels = &limits;
	limits.max_entries = 7;
	expect_request_refused(&request,
			       "the wheels have more than 7 files: leave out what the skill doesn't need, or "
			       "use an image that has the packages");
	request = request_of(make_archive(files, 2));
	request.wheels = &limits;
	limits = (struct archive_limits){INT64_MAX, 600, 100, 200};
	expect_request_refused(
	    &request,
	    "the wheels unpack to more than 600 bytes (0 MiB): leave out what the skill doesn't need, or "
	    "use an image that has the packages");
}

static void so_many_wheels_are_enough(void **state)
{
	(void)state;
	static char names[WHEELHOUSE_WHEELS_MAX + 2][64];
	struct archived files[WHEELHOUSE_WHEELS_MAX + 2];
	for (size_t i = 0; i < WHEELHOUSE_WHEELS_MAX + 2; i++) {
		snprintf(names[i], sizeof(names[i]), "wheels/p%zu-1-cp27-none-any.whl", i);
		files[i] = (struct archived){.path = names[i], .data = STR("x")};
	}
	struct wheelhouse_request request = request_of(make_archive(files, WHEELHOUSE_WHEELS_MAX + 2));
	cleanup_problems struct problems problems = PROBLEMS;
	struct wheelhouse house;
	struct error err = {.code = ERR_NONE};
	assert_int_equal(wheelhouse_examine(&request, &house, &problems, &err), -1);
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(problems.count, 1 + WHEELHOUSE_WHEELS_MAX);
	assert_string_equal(
	    problems.items[0],
	    "wheels/ has more than 200 wheels: leave out what the skill doesn't need, or use an image that "
	    "has the packages");
	close(request.zip_fd);
}

/* ---- lists */

static void requirements_must_be_there(void **state)
{
	(void)state;
	expect_text_refused("requirements.txt", "demo\npandas>=2\n",
			    "requirements.txt asks for 'pandas', wheels/ has no wheel of it");
	expect_text_refused("requirements.txt", "DEMO==1.1\n",
			    "requirements.txt asks for 'DEMO==1.1', wheels/ has demo-1.0-py3-none-any.whl");
	struct wheelhouse house = expect_text_good(
	    "requirements.txt",
	    "# none\n-r x.txt\nDemo[all]==1.0.0\nnumpy; python_version<'3'\nx @ https://x.test\n");
	wheelhouse_free(&house);
}

static void wheels_must_be_those_of_the_lock(void **state)
{
	(void)state;
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	char text[1024], message[1024];
	snprintf(text, sizeof(text),
		 "demo==1.0 \\\n  --hash=sha256:%s \\\n  --hash=sha256:%s\nother==2.0 --hash=sha256:%s\n",
		 zeros, demo_sum, other_sum);
	struct wheelhouse house = expect_text_good("requirements.lock", text);
	wheelhouse_free(&house);
	snprintf(text, sizeof(text),
		 "demo==1.0 --hash=sha256:%s\nother==2.0 --hash=sha256:%s --hash=sha256:%s\n", zeros, zeros,
		 demo_sum);
	snprintf(message, sizeof(message),
		 DEMO ": its sha256 is %s, requirements.lock allows %s; " OTHER
		      ": its sha256 is %s, requirements.lock allows %s and 1 more",
		 demo_sum, zeros, other_sum, zeros);
	expect_text_refused("requirements.lock", text, message);
	expect_text_refused("requirements.lock", "demo==1.1\nOther==2.0\n",
			    DEMO " is another version than that of requirements.lock, 1.1; " OTHER
				 ": requirements.lock has no --hash=sha256: of it");
	expect_text_refused("requirements.lock", "\n",
			    DEMO
			    " is not in requirements.lock: leave it out, or write the lock file again; " OTHER
			    " is not in requirements.lock: leave it out, or write the lock file again");
}

static void large_lists_are_not_read(void **state)
{
	(void)state;
	char *noise = make_noise(((size_t)1 << 20) + 1);
	expect_text_refused("requirements.txt", noise,
			    "requirements.txt has 1048577 bytes, at most 1048576 are allowed");
	expect_text_refused("requirements.lock", noise,
			    "requirements.lock has 1048577 bytes, at most 1048576 are allowed");
	noise[65537] = '\0';
	const struct archived file = {.path = WHEELHOUSE_SUMS, .data = str_of(noise)};
	expect_refused(&file, 1, "wheels/sha256sums has 65537 bytes, at most 65536 are allowed");
	free(noise);
}

static void the_list_stands_for_the_wheels(void **state)
{
	(void)state;
	const struct archived files[] = {
	    {.path = WHEELHOUSE_SUMS, .data = str_of(sums_text())},
	    {.path = "requirements.txt", .data = STR("demo\n")},
	};
	struct wheelhouse house = expect_good(make_archive(files, 2));
	char lock[DIGEST_TEXT_SIZE];
	digest_text(str_of(sums_text()), lock, NULL);
	assert_int_equal(house.count, 2);
	assert_false(house.has_wheels);
	assert_string_equal(house.sums, sums_text());
	assert_string_equal(house.lock, lock);
	assert_string_equal(house.packages[1].name, "other");
	assert_int_equal(house.file_count, 0);
	wheelhouse_free(&house);
	house = expect_text_good(WHEELHOUSE_SUMS, sums_text()); /* beside the wheels, and right */
	assert_true(house.has_wheels);
	wheelhouse_free(&house);
}

static void lists_that_are_wrong(void **state)
{
	(void)state;
	const char *form = "it must be a SHA-256 in lower-case hex, two blanks and a wheel's name";
	char text[1024], message[2048];
	struct archived file = {.path = WHEELHOUSE_SUMS, .data = STR("")};
	expect_refused(&file, 1, "wheels/sha256sums is empty");
	file.data = STR("x");
	expect_refused(&file, 1, "wheels/sha256sums must end with a line end");
	snprintf(text, sizeof(text), "%s *%s\n%s  \nABC\n\n", demo_sum, DEMO + 7, demo_sum);
	snprintf(
	    message, sizeof(message),
	    "wheels/sha256sums, line 1: %s; wheels/sha256sums, line 2: %s; wheels/sha256sums, line 3: %s; "
	    "wheels/sha256sums, line 4: %s",
	    form, form, form, form);
	file.data = str_of(text);
	expect_refused(&file, 1, message);
	snprintf(text, sizeof(text), "%s  %s\n%s  %s\n", other_sum, OTHER + 7, demo_sum, DEMO + 7);
	file.data = str_of(text);
	expect_refused(&file, 1, "wheels/sha256sums, line 2: the names must be in order, each once");
	snprintf(text, sizeof(text), "%s  ../%s\n", demo_sum, DEMO + 7);
	file.data = str_of(text);
	expect_refused(&file, 1,
		       "wheels/sha256sums, line 1: ../demo-1.0-py3-none-any.whl: it is no wheel's name: its "
		       "name must have "
		       "letters, digits, _ and . only");
	snprintf(text, sizeof(text), "%s  demo-1.0-cp311-cp311-win32.whl\n", demo_sum);
	file.data = str_of(text);
	expect_refused(
	    &file, 1,
	    "wheels/demo-1.0-cp311-cp311-win32.whl is for CPython 3.11 on win32, but python:3.12-slim has "
	    "CPython 3.12 on manylinux_2_36_x86_64: take the wheel with cp312-cp312 (or cp3…-abi3, or "
	    "py3-none) "
	    "and manylinux_2_36_x86_64 or an older manylinux, or any");
	snprintf(text, sizeof(text), "%s  %s\n", other_sum, DEMO + 7);
	expect_text_refused(
	    WHEELHOUSE_SUMS, text,
	    "wheels/sha256sums is not the list of the wheels beside it: leave it out, it is made when the "
	    "archive is taken");
}

/* ---- without the wheels */

static void expect_stripped(const struct archive_content *content, size_t i, const char *path,
			    const char *data, uint32_t mode)
{
	assert_string_equal(content->entries[i].path, path);
	assert_int_equal(content->entries[i].size, strlen(data));
	assert_memory_equal(content->entries[i].data, data, strlen(data));
	assert_int_equal(content->entries[i].mode, mode);
}

static void the_archive_is_written_without_its_wheels(void **state)
{
	(void)state;
	char *noise = make_noise(300000); /* more than a piece */
	const struct archived files[] = {
	    {.path = "zz.py", .data = STR("last\n"), .is_executable = true},
	    {.path = OTHER, .data = buffer_str(&other)},
	    {.path = "empty", .data = STR("")},
	    {.path = DEMO, .data = buffer_str(&demo)},
	    {.path = "noise", .data = str_of(noise)},
	    {.path = "wheels.txt", .data = STR("no wheel\n")},
	};
	struct error err;
	int64_t size = 0;
	int fd = make_archive(files, 6), out = -1;
	struct wheelhouse house = expect_good(dup(fd));
	assert_int_equal(wheelhouse_strip(fd, &archive_limits_default, &house, &out, &size, &err), 0);
	struct archive_content content;
	struct stat st;
	assert_int_equal(fstat(out, &st), 0);
	assert_int_equal(st.st_size, size);
	if (read_zip(out, &archive_limits_default, &content, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(content.count, 6);
	expect_stripped(&content, 0, "SKILL.md", "---\nname: x\n---\n", 0644);
	expect_stripped(&content, 1, "empty", "", 0644);
	expect_stripped(&content, 2, "noise", noise, 0644);
	expect_stripped(&content, 3, "wheels.txt", "no wheel\n", 0644);
	expect_stripped(&content, 4, WHEELHOUSE_SUMS, house.sums, 0644);
	expect_stripped(&content, 5, "zz.py", "last\n", 0755);
	archive_content_free(&content);
	struct wheelhouse again = expect_good(out);
	assert_false(again.has_wheels);
	assert_string_equal(again.lock, house.lock);
	wheelhouse_free(&again);
	wheelhouse_free(&house);
	close(fd);
	free(noise);
}

static void stripping_is_the_same_whatever_the_order(void **state)
{
	(void)state;
	const struct archived one[] = {{.path = "a.py", .data = STR("a")},
				       {.path = "wheels2/z", .data = STR("z")},
				       {.path = DEMO, .data = buffer_str(&demo)}};
	const struct archived two[] = {one[2], one[1], one[0]};
	char digests[2][DIGEST_TEXT_SIZE];
	for (size_t i = 0; i < 2; i++) {
		struct error err;
		int64_t size;
		int fd = make_archive(i ? two : one, 3), out = -1;
		struct wheelhouse house = expect_good(dup(fd));
		assert_int_equal(wheelhouse_strip(fd, &archive_limits_default, &house, &out, &size, &err), 0);
		assert_int_equal(digest_file_text(out, 0, size, digests[i], &err), 0);
		wheelhouse_free(&house);
		close(fd);
		close(out);
	}
	assert_string_equal(digests[0], digests[1]);
}

static int forget_seen(void **state)
{
	(void)state;
	buffer_free(&seen);
	return 0;
}

#define TEST(function) cmocka_unit_test_teardown(function, forget_seen)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(wheels_become_one_folder),
	    TEST(an_archive_without_wheels_has_none),
	    TEST(a_wrapper_folder_makes_no_difference),
	    TEST(any_target_is_taken_without_one),
	    TEST(what_might_surprise_is_a_warning),
	    TEST(a_wheel_for_another_platform),
	    TEST(a_bad_wheel_is_named),
	    TEST(a_bomb_as_a_wheel),
	    TEST(other_files_beside_the_wheels),
	    TEST(two_wheels_of_one_package),
	    TEST(paths_that_can_t_be_both),
	    TEST(limits_are_for_all_wheels_together),
	    TEST(so_many_wheels_are_enough),
	    TEST(requirements_must_be_there),
	    TEST(wheels_must_be_those_of_the_lock),
	    TEST(large_lists_are_not_read),
	    TEST(the_list_stands_for_the_wheels),
	    TEST(lists_that_are_wrong),
	    TEST(the_archive_is_written_without_its_wheels),
	    TEST(stripping_is_the_same_whatever_the_order),
	};
	return cmocka_run_group_tests(tests, make_wheels, free_wheels);
}
