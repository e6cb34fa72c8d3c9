/* schema-cases [DIALECT]: schemas and values from stdin, verdicts to stdout, a JSON object a line each.
 *
 *	{"documents":{URI:schema,…}}      what a $ref may mean in the lines that follow; the first line alone
 *	{"schema":…,"values":[…]}         → {"problems":[[{"path":…,"message":…},…],…]}, a list a value
 *	                                  → {"error":"at …"} if the schema is none */
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/schema/schema.h"

#include <stdio.h>

#define DOCUMENTS_MAX 256
#define ANSWER_MAX ((size_t)64 << 20)

static void fail(const struct error *err)
{
	fprintf(stderr, "schema-cases: %s\n", err->message);
	exit(1);
}

/* What the first line has lives as long as the program. */
static void read_documents(struct str object, struct schema_document *documents, size_t *count)
{
	struct str key, text;
	struct error err;
	for (size_t position = 0; jsontext_next_member(object, &position, &key, &text); ++*count) {
		if (*count == DOCUMENTS_MAX || !(documents[*count].uri.p = str_dup(key)) ||
		    !(documents[*count].text.p = str_dup(text))) {
			error_set(&err, ERR_TOO_LARGE, "too many documents");
			fail(&err);
		}
		documents[*count].uri.n = key.n;
		documents[*count].text.n = text.n;
	}
}

static void put_problems(const struct schema_problems *problems, struct buffer *out)
{
	json_open(out, '[');
	for (size_t i = 0; i < problems->count; i++) {
		json_open(out, '{');
		json_put_string(out, "path", problems->items[i].path);
		json_put_string(out, "message", problems->items[i].message);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void check(struct str line, const struct schema_options *options, struct buffer *out)
{
	struct str text, values, value;
	struct error err;
	struct schema_problems problems;
	cleanup_schema struct schema *schema = NULL;
	if (!jsontext_member(line, STR("schema"), &text) || !jsontext_member(line, STR("values"), &values)) {
		error_set(&err, ERR_BAD_REQUEST, "a line without schema or values");
		fail(&err);
	}
	json_open(out, '{');
	if (schema_compile(text, options, &schema, &err) != 0) {
		json_put_string(out, "error", err.message);
	} else {
		json_key(out, "problems");
		json_open(out, '[');
		for (size_t position = 0; jsontext_next_element(values, &position, &value);) {
			if (schema_validate(schema, value, &problems, &err) != 0)
				fail(&err);
			put_problems(&problems, out);
		}
		json_close(out, ']');
	}
	json_close(out, '}');
}

int main(int argc, char **argv)
{
	static struct schema_document documents[DOCUMENTS_MAX];
	struct schema_options options = {argc > 1 ? argv[1] : NULL, documents, 0};
	struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	struct error err;
	struct str object;
	cleanup_free char *line = NULL;
	size_t cap = 0;
	cleanup_buffer struct buffer out = BUFFER(ANSWER_MAX);
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		struct str text = {line, (size_t)n};
		if (jsontext_check(text, &rules, &err) != 0)
			fail(&err);
		if (jsontext_member(text, STR("documents"), &object)) {
			read_documents(object, documents, &options.document_count);
			continue;
		}
		buffer_reset(&out);
		check(text, &options, &out);
		if (out.failed || fwrite(out.data, 1, out.len, stdout) != out.len || putchar('\n') == EOF)
			return 1;
	}
	return 0;
}
