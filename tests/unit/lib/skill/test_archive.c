/* lib/skill/archive.c, zip_directory.c, unzip.c: what is read, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/skill/archive.h"
#include "zip_maker.h"

#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

static struct archive_content content;

static void expect_good(int fd)
{
	struct error err;
	if (read_zip(fd, &archive_limits_default, &content, &err) != 0)
		fail_msg("%s", err.message);
	close(fd);
}

static void expect_limited(int fd, const struct archive_limits *limits, enum error_code code,
			   const char *message)
{
	struct error err = {0};
	struct archive_content untouched = {.count = 77};
	if (read_zip(fd, limits, &untouched, &err) == 0)
		fail_msg("accepted, instead of: %s", message);
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, code);
	assert_int_equal(untouched.count, 77);
	close(fd);
}

static void expect_refused(int fd, const char *message)
{
	expect_limited(fd, &archive_limits_default, ERR_INVALID_SKILL, message);
}

static void expect_entry_refused(struct made_entry entry, const char *why)
{
	char message[512];
	const struct made_entry entries[] = {{.name = "SKILL.md", .data = "x"}, entry};
	snprintf(message, sizeof(message), "invalid skill: archive entry \"%s\": %s", entry.name, why);
	expect_refused(make_entries(entries, 2), message);
}

static void expect_entry(const char *path, const char *data, uint32_t mode)
{
	const struct archive_entry *entry = archive_find(&content, str_of(path));
	assert_non_null(entry);
	assert_string_equal(entry->path, path);
	assert_int_equal(entry->size, strlen(data));
	assert_memory_equal(entry->data, data, entry->size);
	assert_int_equal(entry->mode, mode);
}

static void reads_files_in_lexical_order(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "scripts/", .mode = S_IFDIR | 0755},
	    {.name = "scripts/main.py", .data = "print()", .mode = S_IFREG | 0755},
	    {.name = "SKILL.md", .data = "hello", .mode = S_IFREG | 0600},
	    {.name = "empty", .mode = S_IFREG | 0644},
	    {.name = "a b/\xc3\xa9\xe2\x82\xac.txt", .data = "euro", .mode = S_IFREG | 04711},
	};
	expect_good(make_entries(entries, 5));
	assert_int_equal(content.count, 4);
	assert_int_equal(content.total, 16);
	for (size_t i = 1; i < content.count; i++)
		assert_true(strcmp(content.entries[i - 1].path, content.entries[i].path) < 0);
	expect_entry("SKILL.md", "hello", 0600);
	expect_entry("scripts/main.py", "print()", 0755);
	expect_entry("empty", "", 0644);
	expect_entry("a b/\xc3\xa9\xe2\x82\xac.txt", "euro", 0711); /* no setuid bit */
	assert_null(archive_find(&content, STR("scripts")));
	assert_null(archive_find(&content, STR("scripts/")));
	assert_null(archive_find(&content, STR("")));
	archive_content_free(&content);
	archive_content_free(&content);
}

static void utf8_names_work_whatever_the_flag(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = "x"},
	    {.name = "\xc3\xa9", .data = "1", .flags = 0x800},
	    {.name = "\xe2\x82\xac", .data = "2"},
	};
	expect_good(make_entries(entries, 3));
	expect_entry("\xc3\xa9", "1", 0644);
	expect_entry("\xe2\x82\xac", "2", 0644);
	archive_content_free(&content);
}

static void mode_0_is_0644(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = "x"},
	    {.name = "regular", .mode = S_IFREG},
	    {.name = "dos", .mode = 0777, .system = 255}, /* the mode of no Unix */
	    {.name = "mac", .mode = S_IFREG | 0750, .system = 19},
	};
	expect_good(make_entries(entries, 4));
	expect_entry("SKILL.md", "x", 0644);
	expect_entry("regular", "", 0644);
	expect_entry("dos", "", 0644);
	expect_entry("mac", "", 0750);
	archive_content_free(&content);
}

static void streamed_archives_work(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = "hello PK\3\4 and PK\7\10", .streamed = true},
	    {.name = "main.py", .data = "print()", .streamed = true},
	    {.name = "big", .data = "zip64", .streamed = true, .zip64 = true},
	};
	struct made_zip zip = {.entries = entries, .count = 3, .comment = "a comment PK\5"};
	expect_good(make_zip(&zip));
	expect_entry("SKILL.md", "hello PK\3\4 and PK\7\10", 0644);
	expect_entry("big", "zip64", 0644);
	archive_content_free(&content);
	zip.zip64_end = true;
	expect_good(make_zip(&zip));
	assert_int_equal(content.count, 3);
	archive_content_free(&content);
	expect_good(make_zeros(1000)); /* as libarchive streams it */
	assert_int_equal(archive_find(&content, STR("zeros"))->size, 1000);
	archive_content_free(&content);
}

static void one_wrapper_folder_is_stripped(void **state)
{
	(void)state;
	const struct made_entry wrapped[] = {
	    {.name = "my-skill/", .mode = S_IFDIR | 0755},
	    {.name = "my-skill/SKILL.md", .data = "x"},
	    {.name = "my-skill/scripts/main.py", .data = "y"},
	    {.name = "__MACOSX/my-skill/._SKILL.md", .data = "litter"},
	    {.name = ".DS_Store", .data = "litter"},
	    {.name = "my-skill/scripts/.DS_Store", .data = "litter"},
	    {.name = "my-skill/Thumbs.db", .data = "litter"},
	    {.name = "__MACOSX/", .mode = S_IFDIR | 0755},
	};
	expect_good(make_entries(wrapped, 8));
	assert_int_equal(content.count, 2);
	expect_entry("SKILL.md", "x", 0644);
	expect_entry("scripts/main.py", "y", 0644);
	archive_content_free(&content);

	const struct made_entry twice[] = {{.name = "a/b/SKILL.md"}, {.name = "a/b/main.py"}};
	expect_good(make_entries(twice, 2)); /* only one level, and only where SKILL.md is */
	assert_non_null(archive_find(&content, STR("a/b/SKILL.md")));
	archive_content_free(&content);

	const struct made_entry beside[] = {{.name = "a/SKILL.md"}, {.name = "b/main.py"}};
	expect_good(make_entries(beside, 2));
	assert_non_null(archive_find(&content, STR("a/SKILL.md")));
	archive_content_free(&content);

	/* what is beside the only folder is left out */
	const struct made_entry stray[] = {
	    {.name = "README.md"}, {.name = "a/SKILL.md", .data = "x"}, {.name = ".gitignore"}};
	expect_good(make_entries(stray, 3));
	assert_int_equal(content.count, 1);
	expect_entry("SKILL.md", "x", 0644);
	archive_content_free(&content);

	const struct made_entry lower[] = {{.name = "a/skill.md", .data = "x"}, {.name = "a/b/Skill.MD"}};
	expect_good(make_entries(lower, 2));
	assert_int_equal(content.count, 2);
	expect_entry("skill.md", "x", 0644);
	archive_content_free(&content);

	const struct made_entry root[] = {{.name = "SKILL.md", .data = "root"},
					  {.name = "SKILL.d/SKILL.md", .data = "deep"}};
	expect_good(make_entries(root, 2));
	expect_entry("SKILL.md", "root", 0644);
	expect_entry("SKILL.d/SKILL.md", "deep", 0644);
	archive_content_free(&content);
}

/* What a Mac's Finder and ditto, and Windows, put beside the files, wherever it stands. */
static void litter_is_left_out(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "._my-skill", .data = "litter"},
	    {.name = "my-skill/SKILL.md", .data = "x"},
	    {.name = "my-skill/._SKILL.md", .data = "litter"},
	    {.name = "my-skill/a/._b/c", .data = "litter"},
	    {.name = "my-skill/a/.DS_Store", .data = "litter"},
	    {.name = "my-skill/a/thumbs.db", .data = "litter"},
	    {.name = "my-skill/Icon\r", .data = ""},
	    {.name = "my-skill/a/__MACOSX/x", .data = "litter"},
	    {.name = "my-skill/a/_._", .data = "1"},
	};
	expect_good(make_entries(entries, 9));
	assert_int_equal(content.count, 2);
	expect_entry("SKILL.md", "x", 0644);
	expect_entry("a/_._", "1", 0644);
	archive_content_free(&content);
	/* but nothing that is refused hides there */
	expect_entry_refused((struct made_entry){.name = "a/._x/../y"},
			     "the name has a \"..\", it must stay in the skill's folder");
}

static void times_of_files(void **state)
{
	(void)state;
	/* Info-ZIP's field wins; MS-DOS: 2024-02-29 13:37:58, 1980-01-01, and none */
	const struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = "x", .dos_date = 0x585d, .dos_time = 0x6cbd},
	    {.name = "first", .dos_date = 0x0021},
	    {.name = "none"},
	    {.name = "unix", .dos_date = 0x585d, .timestamp = 1700000000},
	    {.name = "mac", .dos_date = 0x585d, .timestamp = 1700000001, .old_timestamp = true},
	    {.name = "last", .dos_date = 0xff9f, .dos_time = 0xbf7d},
	};
	expect_good(make_entries(entries, 6));
	static const struct {
		const char *path;
		int64_t modified_s;
	} expected[] = {{"SKILL.md", 1709213878}, {"first", 315532800}, {"none", 0},
			{"unix", 1700000000},     {"mac", 1700000001},  {"last", 4354819198}};
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(archive_find(&content, str_of(expected[i].path))->modified_s,
				 expected[i].modified_s);
	archive_content_free(&content);
}

/* A program in front of a zip (self-extracting), whose offsets count from the zip or from the file. */
static void programs_that_unpack_themselves(void **state)
{
	(void)state;
	char bytes[4096] = "#!/bin/sh\nexec unzip $0\n";
	const struct made_entry entries[] = {{.name = "SKILL.md", .data = "x"},
					     {.name = "main.sh", .data = "ls", .streamed = true}};
	size_t head = strlen(bytes);
	int fd = make_entries(entries, 2);
	ssize_t n = pread(fd, bytes + head, sizeof(bytes) - head, 0);
	assert_true(n > 0);
	close(fd);
	expect_good(make_file((struct str){bytes, head + (size_t)n}));
	expect_entry("main.sh", "ls", 0644);
	archive_content_free(&content);
}

static void names_of_files_without_a_zip(void **state)
{
	(void)state;
	static const char *const paths[] = {"../up", "/abs", "a", "a/b", "dir/", "ok/x.py", "./y", ""};
	struct archive_entry entries[8] = {0};
	const struct archive_content files = {entries, 8, 0};
	cleanup_problems struct problems problems = PROBLEMS;
	for (size_t i = 0; i < 8; i++)
		entries[i].path = (char *)(uintptr_t)paths[i];
	struct archive_content sorted = files;
	archive_sort(&sorted);
	archive_check_names(&files, &problems);
	assert_int_equal(problems.count, 6);
	static const char *const words[] = {
	    "\"\": the name must have 1 to 1024 bytes",   "has a \"..\"",
	    "\"./y\": it is no path of a file",           "is absolute",
	    "\"a/b\": a part of its path is a file, too", "\"dir/\": it is no path of a file"};
	for (size_t i = 0; i < 6; i++)
		if (!strstr(problems.items[i], words[i]))
			fail_msg("%s lacks %s", problems.items[i], words[i]);
}

static void a_leading_dot_folder_is_nothing(void **state)
{
	(void)state;
	const struct made_entry entries[] = {{.name = "./", .mode = S_IFDIR | 0755},
					     {.name = "./SKILL.md", .data = "x"}};
	expect_good(make_entries(entries, 2));
	assert_int_equal(content.count, 1);
	expect_entry("SKILL.md", "x", 0644);
	archive_content_free(&content);
}

static void names_that_leave_the_folder(void **state)
{
	(void)state;
	static const char *const up[] = {
	    "..", "../x", "a/../b", "a/..", "./..", "a/../../etc/passwd", "__MACOSX/../x"};
	for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++)
		expect_entry_refused((struct made_entry){.name = up[i]},
				     "the name has a \"..\", it must stay in the skill's folder");
	static const char *const absolute[] = {"/etc/passwd", "/", "//x", "C:/x", "c:x"};
	for (size_t i = 0; i < sizeof(absolute) / sizeof(absolute[0]); i++)
		expect_entry_refused((struct made_entry){.name = absolute[i]},
				     "the name is absolute, it must be relative to the skill's folder");
	static const char *const back[] = {"a\\b", "..\\x", "\\x", "C:\\x", "a\\"};
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++)
		expect_entry_refused(
		    (struct made_entry){.name = back[i]},
		    "the name has a backslash, but folders are separated by /: write the archive with "
		    "another program, such as zip -r, 7z a or python3 -m zipfile -c");
	static const char *const dots[] = {"a//b", "a/./b", "a/.", "a//", "././b", "."};
	for (size_t i = 0; i < sizeof(dots) / sizeof(dots[0]); i++)
		expect_entry_refused((struct made_entry){.name = dots[i]},
				     "the name has an empty or \".\" component");
	const struct made_entry fine[] = {
	    {.name = "..."}, {.name = "..a"}, {.name = "a../b..c"}, {.name = ".hidden"}};
	expect_good(make_entries(fine, 4));
	archive_content_free(&content);
}

static void names_that_are_no_text(void **state)
{
	(void)state;
	struct made_entry entries[] = {{.name = "SKILL.md"}, {.name = "caf\x82.txt"}};
	expect_refused(
	    make_entries(entries, 2),
	    "invalid skill: archive entry \"caf?.txt\": the name is not UTF-8 but in an old code page, such "
	    "as "
	    "CP437: give the file a name of plain ASCII letters, or write the archive with UTF-8 names "
	    "(zip -r of Info-ZIP 3, 7z a -mcu=on)");
	entries[1].name = "a\nb";
	expect_refused(make_entries(entries, 2),
		       "invalid skill: archive entry \"a?b\": the name has a control character");
	entries[1] = (struct made_entry){.name = "main.py\0.txt", .name_size = 12};
	expect_refused(make_entries(entries, 2),
		       "invalid skill: archive entry \"main.py?.txt\": the name has a control character");
	char deep[80] = "", longest[1100];
	for (int i = 0; i < 33; i++)
		memcpy(deep + 2 * i, i == 32 ? "x" : "x/", i == 32 ? 2 : 3);
	expect_entry_refused((struct made_entry){.name = deep}, "the name has more than 32 components");
	deep[63] = '\0'; /* 32 of them */
	entries[1] = (struct made_entry){.name = deep};
	expect_good(make_entries(entries, 2));
	archive_content_free(&content);
	memset(longest, 'n', sizeof(longest));
	longest[1025] = '\0';
	entries[1].name = longest;
	struct error err;
	int fd = make_entries(entries, 2);
	assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
	assert_non_null(strstr(err.message, "nnn...\": the name must have 1 to 1024 bytes"));
	assert_true(strlen(err.message) < 250);
	close(fd);
	longest[1024] = '\0';
	expect_good(make_entries(entries, 2));
	archive_content_free(&content);
}

static void symlinks_and_specials(void **state)
{
	(void)state;
	const char *link = "it is a symbolic link: put the file itself in its place";
	expect_entry_refused(
	    (struct made_entry){.name = "link", .data = "/etc/passwd", .mode = S_IFLNK | 0777}, link);
	expect_entry_refused(
	    (struct made_entry){.name = "link", .data = "x", .mode = S_IFLNK | 0777, .system = 255}, link);
	expect_entry_refused(
	    (struct made_entry){.name = "__MACOSX/link", .data = "x", .mode = S_IFLNK | 0777}, link);
	expect_entry_refused((struct made_entry){.name = "link/", .mode = S_IFLNK | 0777}, link);
	static const uint32_t special[] = {S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK, S_IFDIR, 0xf000};
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		expect_entry_refused((struct made_entry){.name = "special", .mode = special[i] | 0644},
				     "it is neither a regular file nor a folder");
	expect_entry_refused((struct made_entry){.name = "folder", .dos_folder = true, .system = 255},
			     "it is neither a regular file nor a folder");
	expect_entry_refused((struct made_entry){.name = "folder/", .mode = S_IFREG | 0644},
			     "it is neither a regular file nor a folder");
	expect_entry_refused((struct made_entry){.name = "folder/", .data = "content"},
			     "it is a folder with content");
}

static void encrypted_and_unknown_methods(void **state)
{
	(void)state;
	const char *encrypted = "it is encrypted: write the archive without a password";
	expect_entry_refused((struct made_entry){.name = "secret", .data = "x", .flags = 1}, encrypted);
	expect_entry_refused((struct made_entry){.name = "secret", .data = "x", .flags = 0x41}, encrypted);
	expect_entry_refused((struct made_entry){.name = "secret", .data = "x", .flags = 0x2000}, encrypted);
	static const uint16_t methods[] = {1, 9, 12, 14, 93, 95, 99};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		expect_entry_refused((struct made_entry){.name = "odd", .data = "x", .method = methods[i]},
				     "its compression method is not supported: use deflate or store");
}

static void duplicates_and_conflicts(void **state)
{
	(void)state;
	struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = "1"}, {.name = "b"}, {.name = "SKILL.md", .data = "2"}};
	expect_refused(make_entries(entries, 3),
		       "invalid skill: archive entry \"SKILL.md\": the name is there twice");
	entries[2].name = "./SKILL.md";
	expect_refused(make_entries(entries, 3),
		       "invalid skill: archive entry \"SKILL.md\": the name is there twice");
	entries[2] = (struct made_entry){.name = "b/"};
	expect_refused(make_entries(entries, 3),
		       "invalid skill: archive entry \"b\": the name is there twice");
	entries[2].name = "b/c";
	expect_refused(make_entries(entries, 3),
		       "invalid skill: archive entry \"b\": it is a file and also the folder of other "
		       "entries");
	entries[2].name = "b/c/d/e";
	expect_refused(make_entries(entries, 3),
		       "invalid skill: archive entry \"b\": it is a file and also the folder of other "
		       "entries");
	entries[2].name = "b-c"; /* sorts between b and b/c */
	expect_good(make_entries(entries, 3));
	archive_content_free(&content);
}

static void every_problem_is_named(void **state)
{
	(void)state;
	const struct made_entry entries[] = {{.name = "/abs"},
					     {.name = "ok"},
					     {.name = "../up"},
					     {.name = "ok"},
					     {.name = "l", .mode = S_IFLNK}};
	expect_refused(make_entries(entries, 5),
		       "invalid skill: archive entry \"/abs\": the name is absolute, it must be relative to "
		       "the skill's folder; "
		       "archive entry \"../up\": the name has a \"..\", it must stay in the skill's folder; "
		       "archive entry \"l\": it is a symbolic link: put the file itself in its place; "
		       "archive entry \"ok\": the name is there twice");
	struct made_entry many[500];
	for (size_t i = 0; i < 500; i++)
		many[i] = (struct made_entry){.name = "/abs"};
	struct error err;
	int fd = make_entries(many, 500);
	assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
	assert_non_null(strstr(err.message, "; and 48"));
	assert_true(str_ends_with(str_of(err.message), STR(" more")));
	close(fd);
}

static void a_local_header_that_disagrees(void **state)
{
	(void)state;
	struct made_entry entries[] = {{.name = "SKILL.md", .data = "x"},
				       {.name = "main.py", .data = "12345"}};
	static const char *const what[] = {"names", "flags", "compression methods", "checksums", "sizes"};
	for (size_t i = 0; i < 5; i++) {
		char message[300];
		entries[1] = (struct made_entry){.name = "main.py", .data = "12345"};
		if (i == 0)
			entries[1].local_name = "../m.py";
		if (i == 1)
			entries[1].local_flags = 1;
		if (i == 2)
			entries[1].local_method = 8;
		if (i == 3)
			entries[1].local_crc = 7;
		if (i == 4)
			entries[1].local_size = 4;
		snprintf(message, sizeof(message),
			 "invalid skill: archive entry \"main.py\": the %s in its local header and in the "
			 "central directory "
			 "differ: write the archive again",
			 what[i]);
		expect_refused(make_entries(entries, 2), message);
	}
}

static void limits(void **state)
{
	(void)state;
	const struct made_entry entries[] = {{.name = "SKILL.md", .data = "0123456789"},
					     {.name = "b", .data = "0123456789"}};
	struct archive_limits few = archive_limits_default, small = archive_limits_default,
			      packed = archive_limits_default;
	few.max_entries = 1;
	expect_limited(make_entries(entries, 2), &few, ERR_INVALID_SKILL,
		       "invalid skill: the archive has 2 entries, at most 1 are allowed: leave out what the "
		       "skill doesn't need");
	small.max_unpacked = 19;
	expect_limited(make_entries(entries, 2), &small, ERR_INVALID_SKILL,
		       "invalid skill: the archive unpacks to 20 bytes, at most 19 are allowed");
	packed.max_compressed = 200;
	expect_limited(make_entries(entries, 2), &packed, ERR_TOO_LARGE,
		       "the archive has 212 bytes; at most 200 are allowed");
	few.max_entries = 2;
	small.max_unpacked = 20;
	packed.max_compressed = 212;
	const struct archive_limits *const exact[] = {&few, &small, &packed};
	for (size_t i = 0; i < 3; i++) {
		int fd = make_entries(entries, 2);
		assert_int_equal(read_zip(fd, exact[i], &content, NULL), 0);
		archive_content_free(&content);
		close(fd);
	}
	/* A count that the file doesn't back costs no memory; neither does a size. */
	struct made_zip lying = {.entries = entries, .count = 2, .declared_count = 1999};
	expect_refused(
	    make_zip(&lying),
	    "invalid skill: the archive is not a zip file or is damaged: the central directory is cut");
	lying.declared_count = 65535;
	expect_refused(
	    make_zip(&lying),
	    "invalid skill: the archive has 65535 entries, at most 2000 are allowed: leave out what "
	    "the skill doesn't need");
	lying.declared_count = 1;
	expect_refused(
	    make_zip(&lying),
	    "invalid skill: the archive is not a zip file or is damaged: the central directory has "
	    "more entries than it says");
}

/* The directory is read as a whole: names take some of it, comments need not. */
static void a_directory_that_is_mostly_comment(void **state)
{
	(void)state;
	static char comment[60001];
	static struct made_entry entries[150];
	static char names[150][8];
	memset(comment, 'c', sizeof(comment) - 1);
	for (size_t i = 0; i < 150; i++) {
		snprintf(names[i], sizeof(names[i]), "f%zu", i);
		entries[i] = (struct made_entry){.name = names[i], .data = "x", .comment = comment};
	}
	expect_good(make_entries(entries, 139)); /* 139 times 60,048 bytes and a little: less than 8 MiB */
	archive_content_free(&content);
	struct error err;
	int fd = make_entries(entries, 150);
	assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
	assert_non_null(strstr(err.message, "the archive's central directory has 90"));
	assert_non_null(strstr(err.message, "at most 8388608 are allowed: leave out comments"));
	close(fd);
}

static int refuse_file(void *context, const struct archive_entry *entry, struct error *err)
{
	(void)context;
	if (strcmp(entry->path, "skipped") == 0)
		return 1;
	return strcmp(entry->path, "refused") == 0 ? error_set(err, ERR_UNAVAILABLE, "no room") : 0;
}

static int count_data(void *context, struct str piece, struct error *err)
{
	size_t *count = context;
	*count += piece.n;
	return *count > 10 ? error_set(err, ERR_IO, "disk full") : 0;
}

/* Its errors are its own: none of them says that the skill is invalid. */
static void what_a_visitor_may_do(void **state)
{
	(void)state;
	size_t count = 0;
	struct archive_visitor visitor = {refuse_file, count_data, &count};
	struct made_entry entries[] = {
	    {.name = "a", .data = "12345"},
	    {.name = "skipped", .data = "0123456789abcdef", .crc = 7, .streamed = true},
	    {.name = "z", .data = "12345"}};
	struct error err;
	int fd = make_entries(entries, 3);
	assert_int_equal(archive_read_zip(fd, &archive_limits_default, &visitor, &content, &err), 0);
	assert_int_equal(count, 10);
	assert_int_equal(content.count, 3);
	assert_int_equal(content.total, 26);
	archive_content_free(&content);
	assert_int_equal(archive_read_zip(fd, &archive_limits_default, NULL, &content, &err), -1);
	assert_non_null(strstr(err.message, "\"skipped\": it is damaged"));
	close(fd);
	entries[1].name = "refused";
	fd = make_entries(entries, 3);
	count = 0;
	assert_int_equal(archive_read_zip(fd, &archive_limits_default, &visitor, &content, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_string_equal(err.message, "no room");
	close(fd);
	entries[1] = (struct made_entry){.name = "b", .data = "123456"};
	fd = make_entries(entries, 3);
	count = 0;
	assert_int_equal(archive_read_zip(fd, &archive_limits_default, &visitor, &content, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "disk full");
	close(fd);
}

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER
#endif
#endif

#ifdef WITH_ADDRESS_SANITIZER
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc brings no header for it */
#endif

/* Bytes that malloc has given and not got back. */
static size_t allocated(void)
{
#ifdef WITH_ADDRESS_SANITIZER
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
#endif
}

static int watch_file(void *context, const struct archive_entry *entry, struct error *err)
{
	(void)context;
	(void)entry;
	(void)err;
	return 0;
}

static int watch_data(void *context, struct str piece, struct error *err)
{
	size_t *most = context, now = allocated();
	(void)err;
	assert_true(piece.n <= 512 * 1024);
	*most = now > *most ? now : *most;
	return 0;
}

/* A run of a skill of 200 MiB took as much of the controller's memory. */
static void memory_does_not_grow_with_a_file(void **state)
{
	(void)state;
	struct archive_limits limits = archive_limits_default;
	limits.max_ratio = 100000;
	int fd = make_zeros((size_t)100 << 20);
	size_t before = allocated(), most = 0;
	struct archive_visitor visitor = {watch_file, watch_data, &most};
	assert_int_equal(archive_read_zip(fd, &limits, &visitor, &content, NULL), 0);
	close(fd);
	assert_int_equal(archive_find(&content, STR("zeros"))->size, (size_t)100 << 20);
	assert_true(most > before); /* else it measures nothing */
	assert_true(most - before < (size_t)2 << 20);
	archive_content_free(&content);
}

static size_t read_all(int fd, char *bytes, size_t size)
{
	ssize_t n = pread(fd, bytes, size, 0);
	assert_true(n > 0);
	return (size_t)n;
}

static void bombs(void **state)
{
	(void)state;
	struct error err;
	int fd = make_zeros((size_t)20 << 20);
	assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	assert_non_null(strstr(
	    err.message, "invalid skill: the archive unpacks to more than 200 times its size (20971521 bytes "
			 "from "));
	assert_non_null(strstr(err.message, "decompression bomb"));
	/* The same, but it says it is small: it is stopped at what it says. */
	char bytes[65536];
	size_t n = read_all(fd, bytes, sizeof(bytes));
	close(fd);
	char *central = memmem(bytes, n, "PK\1\2", 4);
	assert_non_null(central);
	central = memmem(central + 4, (size_t)(bytes + n - central - 4), "PK\1\2", 4);
	assert_non_null(central);
	memcpy(central + 24, "\x10\x27\0\0", 4);
	expect_refused(make_file((struct str){bytes, n}),
		       "invalid skill: archive entry \"zeros\": it unpacks to more bytes than "
		       "it says: write the archive again");
	memcpy(central + 24, "\0\0\0\x10", 4); /* and one that says more than all may have */
	fd = make_file((struct str){bytes, n});
	assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
	assert_non_null(
	    strstr(err.message, "the archive unpacks to 268435457 bytes, at most 209715200 are allowed"));
	close(fd);
	/* Sizes whose sum overflows. */
	const struct made_entry huge[] = {{.name = "a", .data = "x", .central_size = 0xfffffffe},
					  {.name = "b", .data = "x", .central_size = 0xfffffffe}};
	fd = make_entries(huge, 2);
	assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
	assert_non_null(strstr(err.message, "write the archive again"));
	close(fd);
}

static void wrong_data(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = "x"},
	    {.name = "main.py", .data = "12345", .crc = 7, .streamed = true}};
	expect_refused(make_entries(entries, 2),
		       "invalid skill: archive entry \"main.py\": it is damaged (its data or checksum "
		       "is wrong): write the archive again");
	const struct made_entry bad_deflate[] = {
	    {.name = "SKILL.md", .data = "x"},
	    {.name = "main.py", .data = "\xff\xff\xff\xff\xff", .method = 8}};
	expect_refused(make_entries(bad_deflate, 2),
		       "invalid skill: archive entry \"main.py\": it is damaged (its data or "
		       "checksum is wrong): write the archive again");
	const struct made_entry more[] = {
	    {.name = "SKILL.md", .data = "x"},
	    {.name = "main.py", .data = "12345", .central_size = 9, .streamed = true}};
	struct error err;
	int fd = make_entries(more, 2);
	assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	close(fd);
}

static void what_is_no_zip(void **state)
{
	(void)state;
	const char *start = "invalid skill: the archive is not a zip file or is damaged: ";
	struct error err;
	static const char *const bytes[] = {"", "PK",
					    "this is no zip file, only some text that is long enough",
					    "PK\5\6................PK\5\6"};
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		int fd = make_file(str_of(bytes[i]));
		assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_SKILL);
		assert_true(str_starts_with(str_of(err.message), str_of(start)));
		close(fd);
	}
	const struct made_entry entries[] = {{.name = "SKILL.md", .data = "x"}};
	struct made_zip zip = {.entries = entries, .count = 1, .prefix = "#!/bin/sh\n"};
	expect_good(make_zip(&zip)); /* its offsets count the prefix */
	archive_content_free(&content);
	zip = (struct made_zip){.entries = entries, .count = 1, .cut_directory = true};
	expect_refused(
	    make_zip(&zip),
	    "invalid skill: the archive is not a zip file or is damaged: the central directory is cut");
	zip = (struct made_zip){
	    .entries = entries, .count = 1, .comment = "end", .trailer = "PK\5\6 and not enough"};
	expect_good(make_zip(&zip)); /* what follows a whole zip file does no harm */
	archive_content_free(&content);
	zip = (struct made_zip){.count = 0};
	expect_good(make_zip(&zip));
	assert_int_equal(content.count, 0);
	archive_content_free(&content);
	struct made_entry outside[] = {{.name = "SKILL.md", .data = "x", .offset = 100000}};
	expect_refused(make_entries(outside, 1),
		       "invalid skill: the archive is not a zip file or is damaged: an entry is outside "
		       "of the file");
	outside[0].zip64 = true;
	outside[0].offset = UINT64_MAX - 3;
	expect_refused(make_entries(outside, 1),
		       "invalid skill: the archive is not a zip file or is damaged: an entry is outside "
		       "of the file");
	const struct made_entry shared[] = {{.name = "aa", .data = "x"},
					    {.name = "bb", .data = "x", .offset = 1}};
	expect_refused(make_entries(shared, 2),
		       "invalid skill: the archive is not a zip file or is damaged: an entry has no local "
		       "header");
}

/* No cut and no flipped byte gets more out of it than an error. */
static void damage_of_every_kind(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "w/SKILL.md", .data = "hello", .streamed = true},
	    {.name = "w/main.py", .data = "print()", .mode = S_IFREG | 0755, .zip64 = true},
	};
	struct made_zip zip = {.entries = entries, .count = 2, .zip64_end = true};
	char bytes[2048];
	int fd = make_zip(&zip);
	size_t n = read_all(fd, bytes, sizeof(bytes));
	close(fd);
	struct error err;
	for (size_t cut = 0; cut < n; cut++) {
		fd = make_file((struct str){bytes, cut});
		assert_int_equal(read_zip(fd, &archive_limits_default, &content, &err), -1);
		close(fd);
	}
	for (size_t i = 0; i < n * 3; i++) {
		static const unsigned char flips[] = {0x01, 0x80, 0xff};
		char *byte = &bytes[i / 3], saved = *byte;
		*byte = (char)(*byte ^ flips[i % 3]);
		fd = make_file((struct str){bytes, n});
		if (read_zip(fd, &archive_limits_default, &content, &err) == 0)
			archive_content_free(&content);
		else
			assert_true(err.code == ERR_INVALID_SKILL);
		close(fd);
		*byte = saved;
	}
}

static void a_plain_zip_keeps_everything(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "w/SKILL.md", .data = "x"},
	    {.name = "w/.DS_Store", .data = "x"},
	    {.name = "w/._a", .data = "x"},
	};
	cleanup_problems struct problems problems = PROBLEMS;
	struct error err;
	int fd = make_entries(entries, 3);
	assert_int_equal(
	    archive_examine_plain_zip(fd, &archive_limits_default, NULL, &content, &problems, &err), 0);
	assert_int_equal(content.count, 3);
	assert_string_equal(content.entries[0].path, "w/.DS_Store");
	assert_string_equal(content.entries[1].path, "w/._a");
	assert_string_equal(content.entries[2].path, "w/SKILL.md");
	archive_content_free(&content);
	close(fd);
	const struct made_entry icon[] = {{.name = "w/Icon\r"}};
	fd = make_entries(icon, 1);
	assert_int_equal(
	    archive_examine_plain_zip(fd, &archive_limits_default, NULL, &content, &problems, &err), -1);
	assert_string_equal(problems.items[0], "archive entry \"w/Icon?\": the name has a control character");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_files_in_lexical_order),
	    cmocka_unit_test(utf8_names_work_whatever_the_flag),
	    cmocka_unit_test(mode_0_is_0644),
	    cmocka_unit_test(streamed_archives_work),
	    cmocka_unit_test(one_wrapper_folder_is_stripped),
	    cmocka_unit_test(litter_is_left_out),
	    cmocka_unit_test(a_plain_zip_keeps_everything),
	    cmocka_unit_test(times_of_files),
	    cmocka_unit_test(programs_that_unpack_themselves),
	    cmocka_unit_test(names_of_files_without_a_zip),
	    cmocka_unit_test(a_leading_dot_folder_is_nothing),
	    cmocka_unit_test(names_that_leave_the_folder),
	    cmocka_unit_test(names_that_are_no_text),
	    cmocka_unit_test(symlinks_and_specials),
	    cmocka_unit_test(encrypted_and_unknown_methods),
	    cmocka_unit_test(duplicates_and_conflicts),
	    cmocka_unit_test(every_problem_is_named),
	    cmocka_unit_test(a_local_header_that_disagrees),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(a_directory_that_is_mostly_comment),
	    cmocka_unit_test(what_a_visitor_may_do),
	    cmocka_unit_test(memory_does_not_grow_with_a_file),
	    cmocka_unit_test(bombs),
	    cmocka_unit_test(wrong_data),
	    cmocka_unit_test(what_is_no_zip),
	    cmocka_unit_test(damage_of_every_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
