/* Runs at build time: openapi_embed FROM TO writes the JSON document FROM, without its white space, as a C
 * array to TO. A document that is no JSON, or has a key twice, fails the build. */
#include "lib/base/jsontext.h"

#include <stdio.h>

#define DOCUMENT_MAX ((size_t)4 << 20)
#define BYTES_A_LINE 24

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "openapi_embed: %s: %s\n", what, why);
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

static bool write_array(const char *path, struct str bytes)
{
	FILE *file = fopen(path, "w");
	if (!file)
		return false;
	fprintf(file, "static const char openapi_bytes[] = {");
	for (size_t i = 0; i < bytes.n; i++) /* signed, as char may be */
		fprintf(file, "%s%d,", i % BYTES_A_LINE == 0 ? "\n" : "", (signed char)bytes.p[i]);
	fprintf(file, "\n};\n");
	bool ok = !ferror(file);
	return fclose(file) == 0 && ok;
}

int main(int argc, char **argv)
{
	const struct jsontext_rules rules = {.refuse_duplicates = true};
	cleanup_buffer struct buffer text = BUFFER(DOCUMENT_MAX), compact = BUFFER(DOCUMENT_MAX);
	struct error err;
	if (argc != 3)
		return complain("usage", "openapi_embed FROM TO");
	if (!read_file(argv[1], &text))
		return complain(argv[1], "can't be read");
	if (jsontext_minify(buffer_str(&text), &rules, &compact, &err) != 0)
		return complain(argv[1], err.message);
	return write_array(argv[2], buffer_str(&compact)) ? 0 : complain(argv[2], "can't be written");
}
