#include "cli/cases/test_case.h"

#include "cli/files/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FOLDER "tests"
#define PATH_BYTES 4096

void test_cases_free(struct test_cases *tests)
{
	for (size_t i = 0; i < tests->count; i++)
		test_case_free(&tests->items[i]);
	free(tests->items);
	*tests = (struct test_cases){0};
}

static int is_case(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && str_ends_with(str_of(entry->d_name), STR(".json"));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(struct dirent *const *)a)->d_name, (*(struct dirent *const *)b)->d_name);
}

static int read_case(int folder, const char *name, struct test_case *ret, struct error *err)
{
	char file[PATH_BYTES];
	struct stat st;
	snprintf(file, sizeof(file), FOLDER "/%s", name);
	cleanup_buffer struct buffer text = BUFFER(TEST_CASE_MAX_SIZE);
	/* A pipe would wait for its writer. */
	cleanup_close int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_errno(err, "open %s", file);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_BAD_REQUEST, "%s is no regular file", file);
	if (st.st_size > (off_t)TEST_CASE_MAX_SIZE)
		return error_set(err, ERR_TOO_LARGE,
				 "%s has %lld bytes, more than %zu: a large input is no case", file,
				 (long long)st.st_size, TEST_CASE_MAX_SIZE);
	if (whole_file_read(fd, file, &text, err) != 0)
		return -1;
	size_t size = text.len;
	char *bytes = buffer_steal(&text);
	return bytes ? test_case_parse(file, bytes, size, ret, err) : error_no_memory(err);
}

static int read_all(int folder, struct dirent **names, size_t count, struct test_cases *ret,
		    struct error *err)
{
	if (count > TEST_CASES_MAX)
		return error_set(err, ERR_TOO_LARGE, FOLDER "/ has %zu cases, more than %d", count,
				 TEST_CASES_MAX);
	ret->items = calloc(count + 1, sizeof(*ret->items));
	if (!ret->items)
		return error_no_memory(err);
	for (; ret->count < count; ret->count++)
		if (read_case(folder, names[ret->count]->d_name, &ret->items[ret->count], err) != 0)
			return -1;
	return 0;
}

int test_cases_read(const char *folder, struct test_cases *ret, struct error *err)
{
	char path[PATH_BYTES];
	struct dirent **names = NULL;
	*ret = (struct test_cases){0};
	int n = snprintf(path, sizeof(path), "%s/" FOLDER, folder);
	if (n < 0 || (size_t)n >= sizeof(path))
		return error_set(err, ERR_BAD_REQUEST, "the folder's path is too long");
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_errno(err, "open %s", path);
	/* In the order of bytes, whatever the user's language. */
	int count = scandir(path, &names, is_case, NULL);
	if (count < 0)
		return error_errno(err, "read %s", path);
	if (count > 0)
		qsort(names, (size_t)count, sizeof(*names), compare_names);
	int status = read_all(fd, names, (size_t)count, ret, err);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (status != 0)
		test_cases_free(ret);
	return status;
}
