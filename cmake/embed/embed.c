/* Runs at build time: embed FROM TO NAME writes the file FROM as a C array NAME to TO. A JSON document (FROM
 * ends with .json) loses its white space; one that is no JSON, or has a key twice, fails the build. */
#include "lib/base/jsontext.h"

#include <stdio.h>

#define FILE_MAX ((size_t)4 << 20)
#define BYTES_A_LINE 24

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "embed: %s: %s\n", what, why);
	return 1;
}

static bool read_file(const char *path, struct buffer *out)
{
	char piece[4096];
	size_t n;
	FILE *file = fopen(path, "r");
	if (!file)
		return false;
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buffer_append(out, piece, n);
	bool ok = !ferror(file) && !out->failed;
	fclose(file);
	return ok;
}

static bool write_array(const char *path, const char *name, struct str bytes)
{
	FILE *file = fopen(path, "w");
	if (!file)
		return false;
	fprintf(file, "/* made by cmake/embed */\nstatic const unsigned char %s[] = {", name);
	for (size_t i = 0; i < bytes.n; i++)
		fprintf(file, "%s%d,", i % BYTES_A_LINE == 0 ? "\n" : "", (unsigned char)bytes.p[i]);
	fprintf(file, "\n};\n");
	bool ok = !ferror(file);
	return fclose(file) == 0 && ok;
}

int main(int argc, char **argv)
{
	const struct jsontext_rules rules = {.refuse_duplicates = true};
	cleanup_buffer struct buffer text = BUFFER(FILE_MAX), compact = BUFFER(FILE_MAX);
	struct error err;
	if (argc != 4)
		return complain("usage", "embed FROM TO NAME");
	if (!read_file(argv[1], &text))
		return complain(argv[1], "can't be read");
	bool is_json = str_ends_with(str_of(argv[1]), STR(".json"));
	if (is_json && jsontext_minify(buffer_str(&text), &rules, &compact, &err) != 0)
		return complain(argv[1], err.message);
	return write_array(argv[2], argv[3], buffer_str(is_json ? &compact : &text))
		   ? 0
		   : complain(argv[2], "can't be written");
}
