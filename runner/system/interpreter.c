#include "runner/system/interpreter.h"

#include "runner/system/environment.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct row {
	const char *name;        /* in a JOB */
	const char *programs[2]; /* in the image, first hit */
};

static const struct row table[INTERPRETER_COUNT] = {
    {"python", {"python", "python3"}},
    {"node", {"node", "nodejs"}},
    {"bash", {"bash"}},
};

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool find(struct str search, const char *program, char ret[PATH_MAX])
{
	while (search.n > 0) {
		struct str directory;
		str_split_once(search, ':', &directory, &search);
		if (directory.n == 0 || directory.p[0] != '/')
			continue; /* a relative entry would depend on where the script runs */
		int n = snprintf(ret, PATH_MAX, "%.*s/%s", (int)directory.n, directory.p, program);
		if (n > 0 && n < PATH_MAX && is_program(ret))
			return true;
	}
	ret[0] = '\0';
	return false;
}

void interpreters_find(const char *search, struct interpreters *ret)
{
	struct str path = str_of(search && *search ? search : ENVIRONMENT_DEFAULT_PATH);
	for (size_t i = 0; i < INTERPRETER_COUNT; i++)
		for (size_t k = 0; k < 2 && table[i].programs[k]; k++)
			if (find(path, table[i].programs[k], ret->path[i]))
				break;
}

const char *interpreters_path(const struct interpreters *interpreters, struct str name)
{
	for (size_t i = 0; i < INTERPRETER_COUNT; i++)
		if (str_eq(name, str_of(table[i].name)))
			return interpreters->path[i][0] ? interpreters->path[i] : NULL;
	return NULL;
}
