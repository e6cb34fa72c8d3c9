#include "cli/cases/report.h"

#include "cli/files/whole_file.h"
#include "cli/output/print.h"
#include "cli/terminal/terminal.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_MAX ((size_t)256 << 20)
#define WHY_MAX 1024
#define LOG_LINES 8 /* that people are shown of a case that failed */

void case_outcome_free(struct case_outcome *outcome)
{
	differences_free(&outcome->differences);
	free(outcome->why);
	free(outcome->log);
	*outcome = (struct case_outcome){0};
}

/* Filling */

/* "output.mean: wanted 3.0, got 2.5, and 2 more" */
static void describe(const struct differences *differences, struct buffer *out)
{
	const struct difference *first = &differences->items[0];
	if (!first->wanted)
		buffer_appendf(out, "%s: got %s, wanted none", first->path,
			       first->got ? first->got : "nothing");
	else
		buffer_appendf(out, "%s: wanted %s%s, got %s", first->path,
			       strcmp(first->path, "log") == 0 || strcmp(first->path, "error") == 0
				   ? "one that has "
				   : "",
			       first->wanted, first->got ? first->got : "nothing");
	if (differences->count > 1)
		buffer_appendf(out, ", and %zu more", differences->count - 1);
}

static char *cut_why(const struct buffer *text)
{
	struct str cut = utf8_cut(buffer_str(text), WHY_MAX);
	return str_dup(cut);
}

static int keep_log(struct case_outcome *outcome, struct str result)
{
	struct str value;
	if (!jsontext_member(result, STR("logs"), &value) || jsontext_kind_of(value) != JSONTEXT_STRING)
		return 0;
	cleanup_buffer struct buffer log = BUFFER(value.n + 1);
	if (jsontext_decode_string(value, &log, NULL) != 0)
		return 0; /* it has half a character, and is only for show */
	struct str end = buffer_str(&log);
	if (end.n > CASE_LOG_MAX)
		end = utf8_skip_partial((struct str){end.p + (end.n - CASE_LOG_MAX), CASE_LOG_MAX});
	outcome->log = str_dup(end);
	return outcome->log ? 0 : -1;
}

int case_outcome_fill(struct case_outcome *outcome, struct str result, struct error *err)
{
	struct str value;
	bool has = jsontext_member(result, STR("duration_ms"), &value);
	if (!has || !str_to_i64(value, 0, INT64_MAX / 1000, &outcome->duration_ms))
		outcome->duration_ms = 0;
	if (keep_log(outcome, result) != 0)
		return error_no_memory(err);
	outcome->verdict = outcome->differences.count > 0 ? JUNIT_FAILED : JUNIT_PASSED;
	if (outcome->verdict == JUNIT_PASSED)
		return 0;
	cleanup_buffer struct buffer why = BUFFER(REPORT_MAX);
	describe(&outcome->differences, &why);
	outcome->why = why.failed ? NULL : cut_why(&why);
	return outcome->why ? 0 : error_no_memory(err);
}

int case_outcome_set_error(struct case_outcome *outcome, const struct error *why, struct error *err)
{
	outcome->verdict = JUNIT_ERROR;
	outcome->why = str_dup(str_of(why->message));
	return outcome->why ? 0 : error_no_memory(err);
}

/* For people and programs */

static const char *const words[] = {"PASS", "FAIL", "ERROR"};
static const char *const verdicts[] = {"passed", "failed", "error"};

static const struct column columns[] = {
    {"CASE", "name", 40}, {"VERDICT", "verdict", 0}, {"MS", "duration_ms", 0}, {"WHY", "why", 60}, {0}};
static const struct listing listing = {columns, "name", NULL, "no cases"};

static void put_differences(const struct differences *differences, struct buffer *out)
{
	json_key(out, "differences");
	json_open(out, '[');
	for (size_t i = 0; i < differences_kept(differences); i++) {
		json_open(out, '{');
		json_put_string(out, "path", differences->items[i].path);
		json_put_string(out, "wanted", differences->items[i].wanted);
		json_put_string(out, "got", differences->items[i].got);
		json_close(out, '}');
	}
	json_close(out, ']');
}

/* for_table: the word that a table has. */
static void put_outcome(const struct case_outcome *outcome, bool for_table, struct buffer *out)
{
	json_open(out, '{');
	json_put_string(out, "name", outcome->test->name);
	json_put_string(out, "file", outcome->test->file);
	json_put_string(out, "verdict", for_table ? words[outcome->verdict] : verdicts[outcome->verdict]);
	json_put_int(out, "duration_ms", outcome->duration_ms);
	json_put_string(out, "why", outcome->why);
	if (!for_table && outcome->differences.count > 0)
		put_differences(&outcome->differences, out);
	json_close(out, '}');
}

/* The beginnings of a log's last lines. */
static struct str last_lines(struct str log, int count)
{
	log = str_trim(log);
	size_t at = log.n;
	for (int lines = 0; at > 0; at--)
		if (log.p[at - 1] == '\n' && ++lines == count)
			break;
	return (struct str){log.p + at, log.n - at};
}

/* What controls a terminal must not reach one. */
static void print_lines(struct str text, const char *before)
{
	for (struct str line, rest = text; rest.n > 0;) {
		str_split_once(rest, '\n', &line, &rest);
		fputs(before, stdout);
		for (size_t i = 0; i < line.n; i++) {
			unsigned char c = (unsigned char)line.p[i];
			putchar((c < ' ' && c != '\t') || c == 0x7f ? '?' : c);
		}
		putchar('\n');
	}
}

static void print_difference(const struct difference *difference)
{
	bool is_part = strcmp(difference->path, "log") == 0 || strcmp(difference->path, "error") == 0;
	printf("  %s\n", difference->path);
	printf("    wanted: %s%s\n", is_part && difference->wanted ? "one that has " : "",
	       difference->wanted ? difference->wanted : "nothing");
	printf("    got:    %s\n", difference->got ? difference->got : "nothing");
}

static void print_details(const struct case_outcome *outcome)
{
	const struct differences *differences = &outcome->differences;
	if (outcome->verdict == JUNIT_PASSED)
		return;
	printf("\n%s%s%s  %s (%s)\n", terminal_colour(stdout, COLOUR_RED), words[outcome->verdict],
	       terminal_colour(stdout, COLOUR_NONE), outcome->test->name, outcome->test->file);
	if (outcome->verdict == JUNIT_ERROR)
		printf("  %s\n", outcome->why);
	for (size_t i = 0; i < differences_kept(differences); i++)
		print_difference(&differences->items[i]);
	if (differences->count > differences_kept(differences))
		printf("  and %zu more\n", differences->count - differences_kept(differences));
	if (outcome->log) {
		printf("  log:\n");
		print_lines(last_lines(str_of(outcome->log), LOG_LINES), "    ");
	}
}

static void count_verdicts(const struct case_outcome *outcomes, size_t count, size_t ret[3])
{
	for (size_t i = 0; i < count; i++)
		ret[outcomes[i].verdict]++;
}

int case_report_print(const struct case_outcome *outcomes, size_t count, enum output output,
		      struct error *err)
{
	cleanup_buffer struct buffer list = BUFFER(REPORT_MAX);
	size_t counts[3] = {0};
	bool is_table = output == OUTPUT_TABLE;
	json_open(&list, '[');
	for (size_t i = 0; i < count; i++)
		put_outcome(&outcomes[i], is_table, &list);
	json_close(&list, ']');
	if (buffer_check(&list, "the report", err) != 0 ||
	    print_list(buffer_str(&list), &listing, output, err) != 0 || !is_table)
		return list.failed ? -1 : print_flush(err);
	for (size_t i = 0; i < count; i++)
		print_details(&outcomes[i]);
	count_verdicts(outcomes, count, counts);
	printf("\n%zu passed, %zu failed", counts[JUNIT_PASSED], counts[JUNIT_FAILED]);
	if (counts[JUNIT_ERROR] > 0)
		printf(", %zu could not be run", counts[JUNIT_ERROR]);
	printf("\n");
	return print_flush(err);
}

/* For CI */

static void append_details(const struct case_outcome *outcome, struct buffer *out)
{
	for (size_t i = 0; i < differences_kept(&outcome->differences); i++) {
		const struct difference *one = &outcome->differences.items[i];
		buffer_appendf(out, "%s\n  wanted: %s\n  got:    %s\n", one->path,
			       one->wanted ? one->wanted : "nothing", one->got ? one->got : "nothing");
	}
}

static int fill_junit(const struct case_outcome *outcomes, size_t count, struct junit_case *cases,
		      struct buffer *details)
{
	for (size_t i = 0; i < count; i++) {
		details[i] = BUFFER(REPORT_MAX);
		append_details(&outcomes[i], &details[i]);
		if (details[i].failed)
			return -1;
		cases[i] = (struct junit_case){.name = outcomes[i].test->name,
					       .verdict = outcomes[i].verdict,
					       .duration_ms = outcomes[i].duration_ms,
					       .why = outcomes[i].why,
					       .detail = buffer_str(&details[i]),
					       .log = str_of(outcomes[i].log)};
	}
	return 0;
}

int case_report_junit(const struct case_outcome *outcomes, size_t count, const char *skill,
		      int64_t started_ms, const char *path, struct error *err)
{
	cleanup_free struct junit_case *cases = calloc(count + 1, sizeof(*cases));
	cleanup_free struct buffer *details = calloc(count + 1, sizeof(*details));
	cleanup_buffer struct buffer xml = BUFFER(REPORT_MAX);
	if (!cases || !details)
		return error_no_memory(err);
	int status = fill_junit(outcomes, count, cases, details);
	struct junit_suite suite = {skill, started_ms, cases, count};
	if (status == 0)
		junit_write(&suite, &xml);
	for (size_t i = 0; i < count; i++)
		buffer_free(&details[i]);
	if (status != 0 || xml.failed)
		return error_no_memory(err);
	return whole_file_write(path, buffer_str(&xml), 0644, err);
}
