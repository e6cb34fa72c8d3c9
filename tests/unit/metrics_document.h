/* docs/metrics.md and a program's table of metrics say the same. For one test program each. */
#ifndef SKILLBOX_TESTS_METRICS_DOCUMENT_H
#define SKILLBOX_TESTS_METRICS_DOCUMENT_H

#include "lib/base/metrics.h"

#include <stdio.h>

#define DOCUMENT_MAX ((size_t)1 << 20)

static void document_read(struct buffer *out)
{
	char piece[4096];
	FILE *file = fopen("../docs/metrics.md", "r"); /* the tests run in tests/ */
	assert_non_null(file);
	for (size_t n; (n = fread(piece, 1, sizeof(piece), file)) > 0;)
		buffer_append(out, piece, n);
	fclose(file);
	assert_false(out->failed);
}

/* Cell `number` of "| a | b |", trimmed. */
static struct str document_cell(struct str line, int number)
{
	struct str cell = {0};
	for (int i = -1; i <= number; i++)
		str_split_once(line, '|', &cell, &line);
	return str_trim(cell);
}

/* "`a`, `b`" */
static void labels_text(const struct metric *metric, char *ret, size_t size)
{
	ret[0] = '\0';
	for (size_t i = 0; i < METRIC_MAX_LABELS && metric->labels[i].name; i++)
		snprintf(ret + strlen(ret), size - strlen(ret), "%s`%s`", i ? ", " : "",
			 metric->labels[i].name);
}

static void check_labels(const struct metric *table, size_t count, struct str line)
{
	struct str name = document_cell(line, 0), labels = document_cell(line, 3);
	char own[256];
	for (size_t i = 0; i < count; i++) {
		if (!str_eq((struct str){name.p + 1, name.n - 2}, str_of(table[i].name)))
			continue;
		labels_text(&table[i], own, sizeof(own));
		if (!str_eq(labels, str_of(own)))
			fail_msg("%s: the labels are %s, documented are %.*s", table[i].name, own,
				 (int)labels.n, labels.p);
	}
}

static bool document_has_letter(struct str letters, char letter)
{
	return memchr(letters.p, letter, letters.n) != NULL;
}

/* Every documented metric of this program is one of its own, of that type, with those labels; and there are
 * as many. */
static void check_document(const struct metric *table, size_t count, char letter)
{
	struct error err;
	struct metrics *metrics = metrics_new(table, count, &err);
	if (!metrics)
		fail_msg("%s", err.message);
	cleanup_buffer struct buffer document = BUFFER(DOCUMENT_MAX), text = BUFFER(DOCUMENT_MAX);
	document_read(&document);
	buffer_append_byte(&text, '\n');
	metrics_append_process("test", "0", &text);
	metrics_append(metrics, &text);
	assert_false(text.failed);
	size_t documented = 0, real = 0;
	struct str rest = buffer_str(&document), line;
	while (rest.n) {
		str_split_once(rest, '\n', &line, &rest);
		struct str name = document_cell(line, 0), type = document_cell(line, 1);
		if (!(str_starts_with(line, STR("| `skillbox_")) ||
		      str_starts_with(line, STR("| `process_"))) ||
		    !document_has_letter(document_cell(line, 2), letter))
			continue;
		char head[256];
		snprintf(head, sizeof(head), "\n# TYPE %.*s %.*s\n", (int)name.n - 2, name.p + 1, (int)type.n,
			 type.p);
		if (!strstr(text.data, head))
			fail_msg("documented, but not there: %s", head + 1);
		check_labels(table, count, line);
		documented++;
	}
	for (const char *at = text.data; (at = strstr(at, "\n# TYPE ")); at++, real++) {
		struct str name, tail;
		char wanted[256];
		str_split_once(str_of(at + strlen("\n# TYPE ")), ' ', &name, &tail);
		snprintf(wanted, sizeof(wanted), "\n| `%.*s` |", (int)name.n, name.p);
		if (!strstr(document.data, wanted))
			fail_msg("%.*s is not in docs/metrics.md", (int)name.n, name.p);
	}
	assert_int_equal(documented, real);
	metrics_free(metrics);
}

#endif
