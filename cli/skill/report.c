#include "cli/skill/report.h"

#include "cli/terminal/terminal.h"
#include "lib/base/json_write.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)2048)

void skill_report_free(struct skill_report *report)
{
	skill_source_free(&report->source);
	if (report->zip_fd >= 0)
		close(report->zip_fd);
	buffer_free(&report->packages);
	skill_package_free(&report->package);
	problems_free(&report->problems);
	*report = SKILL_REPORT;
}

/* The zip that is looked at: with its packages, or with a word about them. */
static int make_zip(const struct gather *gather, struct skill_report *report, struct error *err)
{
	static const struct folder_packing how = {.without = NULL};
	struct skill_source *source = &report->source;
	int status = gather ? skill_source_gather(source, gather, err) : 0;
	if (status == 0 && !gather && source->is_folder)
		status = gather_describe(&source->folder, &report->packages, err);
	return status != 0 ? status : skill_source_zip(source, &how, &report->zip_fd, &report->zip_size, err);
}

int skill_report_make(const char *path, const struct gather *gather, struct skill_report *ret,
		      struct error *err)
{
	struct error why = {0};
	*ret = SKILL_REPORT;
	if (skill_source_open(path, &ret->source, &why) != 0) {
		if (problems_add_error(&ret->problems, &why))
			return 0;
		*err = why;
		return -1;
	}
	int status = make_zip(gather, ret, err);
	if (status != 0)
		return status;
	/* An archive of that size is refused with a code of its own, which is what is wrong with it here,
	 * too. */
	status =
	    skill_package_examine(ret->zip_fd, &archive_limits_default, &ret->package, &ret->problems, &why);
	ret->is_good = status == 0;
	if (status != 0 && why.code == ERR_TOO_LARGE)
		problems_add(&ret->problems, "%s", why.message);
	else if (status != 0 && why.code != ERR_NONE && !problems_add_error(&ret->problems, &why))
		return error_set(err, why.code, "%s", why.message);
	return ret->problems.no_memory ? error_no_memory(err) : 0;
}

void report_line(FILE *to, const char *word, struct str text)
{
	enum terminal_colour colour = strcmp(word, "PASS") == 0   ? COLOUR_GREEN
				      : strcmp(word, "WARN") == 0 ? COLOUR_YELLOW
								  : COLOUR_RED;
	/* A line says what it is about, then why. */
	bool has_subject = strcmp(word, "PASS") == 0 || str_starts_with(text, STR("SKILL.md")) ||
			   str_starts_with(text, STR("archive entry ")) ||
			   str_starts_with(text, STR("file "));
	fprintf(to, "  %s%s%s  %s%.*s\n", terminal_colour(to, colour), word, terminal_colour(to, COLOUR_NONE),
		has_subject ? "" : "skill: ", (int)text.n, text.p);
}

static void pass(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void pass(FILE *to, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	report_line(to, "PASS", str_of(text));
}

static void print_passed(const struct skill_report *report, FILE *to)
{
	const struct skill_package *package = &report->package;
	const struct manifest *manifest = &package->manifest;
	pass(to, "SKILL.md: %s %s", manifest->name, manifest->version);
	pass(to, "archive: %zu file%s, %lld bytes unpacked", package->content.count,
	     package->content.count == 1 ? "" : "s", (long long)package->content.total);
	if (package->entrypoint[0])
		pass(to, "entrypoint: %s (%s)", package->entrypoint, manifest->lang);
	else
		pass(to, "instructions: there is nothing to run, only to read");
	if (report->packages.len > 0)
		pass(to, "%s", report->packages.data);
	if (package->input_schema)
		pass(to, "input schema");
	if (package->output_schema)
		pass(to, "output schema");
}

int skill_report_print(const struct skill_report *report, bool is_strict, FILE *to, struct error *err)
{
	const struct manifest *manifest = &report->package.manifest;
	if (report->is_good)
		print_passed(report, to);
	for (size_t i = 0; i < report->problems.count; i++)
		report_line(to, "FAIL", str_of(report->problems.items[i]));
	for (size_t i = 0; i < manifest->warning_count; i++)
		report_line(to, is_strict ? "FAIL" : "WARN", str_of(manifest->warnings[i]));
	bool is_good = report->is_good && !(is_strict && manifest->warning_count > 0);
	if (is_good)
		fputs("All checks passed\n", to);
	if (fflush(to) != 0)
		return error_errno(err, "can't write");
	return is_good ? EXIT_GOOD : EXIT_ERROR;
}

static void put_texts(struct buffer *out, const char *key, char *const *texts, size_t count)
{
	json_key(out, key);
	json_open(out, '[');
	for (size_t i = 0; i < count; i++)
		json_element_string(out, texts[i]);
	json_close(out, ']');
}

int skill_report_json(const struct skill_report *report, bool is_strict, struct buffer *out,
		      struct error *err)
{
	const struct manifest *manifest = &report->package.manifest;
	json_open(out, '{');
	json_put_bool(out, "valid", report->is_good && !(is_strict && manifest->warning_count > 0));
	json_put_string(out, "name", manifest->name);
	json_put_string(out, "version", manifest->version);
	put_texts(out, "problems", report->problems.items, report->problems.count);
	put_texts(out, "warnings", manifest->warnings, manifest->warning_count);
	json_close(out, '}');
	return buffer_check(out, "the report", err);
}
