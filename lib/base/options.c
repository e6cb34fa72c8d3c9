#include "lib/base/options.h"

#include "lib/base/clock.h"
#include "lib/base/quantity.h"
#include "lib/base/str.h"

#include <inttypes.h>
#include <stdlib.h>

static bool in_bounds(const struct option *option, int64_t value)
{
	return (option->min == 0 && option->max == 0) || (value >= option->min && value <= option->max);
}

static int bounds_error(const struct option *option, const char *what, struct error *err)
{
	if (option->min == 0 && option->max == 0)
		return error_set(err, ERR_BAD_REQUEST, "must be %s", what);
	return error_set(err, ERR_BAD_REQUEST, "must be %s from %" PRId64 " to %" PRId64, what, option->min,
			 option->max);
}

static int parse_size(const struct option *option, struct str text, int64_t *ret, struct error *err)
{
	int64_t value;
	if ((!str_to_i64(text, INT64_MIN, INT64_MAX, &value) &&
	     quantity_parse_memory(text, &value, NULL) != 0) ||
	    value < 0 || !in_bounds(option, value))
		return bounds_error(option, "bytes, a plain number or one such as \"50Mi\",", err);
	*ret = value;
	return 0;
}

static int parse_bool(struct str text, bool *ret, struct error *err)
{
	bool yes = str_eq_ignore_case(text, STR("true")) || str_eq(text, STR("1"));
	if (!yes && !str_eq_ignore_case(text, STR("false")) && !str_eq(text, STR("0")))
		return error_set(err, ERR_BAD_REQUEST, "must be true, false, 1 or 0");
	*ret = yes;
	return 0;
}

/* Parse text into the field; the message says the rule. An empty text leaves the zero that is there ("" for
 * strings). */
static int set_field(const struct option *option, struct str text, void *field, struct error *err)
{
	if (option->type == OPTION_STRING) {
		char *copy = str_dup(text);
		if (!copy)
			return error_no_memory(err);
		*(char **)field = copy;
		return 0;
	}
	if (text.n == 0)
		return 0;
	switch (option->type) {
	case OPTION_BOOL:
		return parse_bool(text, field, err);
	case OPTION_INT:
		if (!str_to_i64(text, option->min || option->max ? option->min : INT64_MIN,
				option->min || option->max ? option->max : INT64_MAX, field))
			return bounds_error(option, "a whole number", err);
		return 0;
	case OPTION_SIZE:
		return parse_size(option, text, field, err);
	case OPTION_CPU:
		if (quantity_parse_cpu(text, field, NULL) != 0)
			return error_set(err, ERR_BAD_REQUEST,
					 "must be CPU cores, such as \"500m\", \"0.5\" or \"2\"");
		return 0;
	case OPTION_DURATION:
		if (duration_parse(text, field, NULL) != 0)
			return error_set(
			    err, ERR_BAD_REQUEST,
			    "must be a duration from 1ms to 24h, such as \"90s\", \"1m30s\" or \"500ms\"");
		return 0;
	case OPTION_STRING:
		break;
	}
	return error_set(err, ERR_INTERNAL, "has a type that options_load doesn't know");
}

/* What stands in the environment can be read in /proc, and goes on to every program that is started. */
static void wipe_variable(const char *name)
{
	char *value = getenv(name);
	if (!value)
		return;
	explicit_bzero(value, strlen(value));
	unsetenv(name);
}

int options_load(const struct option *table, size_t count, void *config, struct error *err)
{
	cleanup_buffer struct buffer problems = BUFFER(sizeof(err->message));
	enum error_code code = ERR_NONE;
	for (size_t i = 0; i < count; i++) {
		const char *value = getenv(table[i].name);
		if (!value ||
		    !*value) /* empty counts as not set: charts write NAME="" for what is left out */
			value = table[i].default_value ? table[i].default_value : "";
		struct error why;
		int status = set_field(&table[i], str_of(value), (char *)config + table[i].offset, &why);
		if (table[i].secret)
			wipe_variable(table[i].name);
		if (status == 0)
			continue;
		if (code == ERR_NONE || why.code != ERR_BAD_REQUEST)
			code = why.code;
		if (problems.len)
			buffer_append_c(&problems, "; ");
		if (table[i].secret)
			buffer_appendf(&problems, "%s %s", table[i].name, why.message);
		else
			buffer_appendf(&problems, "%s=\"%.128s\" %s", table[i].name, value, why.message);
	}
	if (code == ERR_NONE)
		return 0;
	options_free(table, count, config);
	return error_set(err, code, "%s", problems.data ? problems.data : "invalid configuration");
}

void options_free(const struct option *table, size_t count, void *config)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].type != OPTION_STRING)
			continue;
		char **field = (char **)(void *)((char *)config + table[i].offset);
		if (*field && table[i].secret)
			explicit_bzero(*field, strlen(*field));
		free(*field);
		*field = NULL;
	}
}

static void format_number(int64_t number, char ret[QUANTITY_SIZE])
{
	snprintf(ret, QUANTITY_SIZE, "%" PRId64, number);
}

/* " (default 8080, from 1 to 65535)" */
static void append_facts(const struct option *option, struct buffer *out)
{
	const char *separator = " (";
	if (option->secret)
		return;
	if (option->default_value && *option->default_value) {
		buffer_appendf(out, "%sdefault %s", separator, option->default_value);
		separator = ", ";
	}
	if (option->min != 0 || option->max != 0) {
		char min[QUANTITY_SIZE], max[QUANTITY_SIZE];
		void (*format)(int64_t, char *) =
		    option->type == OPTION_SIZE ? quantity_format_memory : format_number;
		format(option->min, min);
		format(option->max, max);
		buffer_appendf(out, "%sfrom %s to %s", separator, min, max);
		separator = ", ";
	}
	if (separator[0] == ',')
		buffer_append_byte(out, ')');
}

void options_help(const struct option *table, size_t count, struct buffer *out)
{
	size_t width = 0;
	for (size_t i = 0; i < count; i++)
		if (strlen(table[i].name) > width)
			width = strlen(table[i].name);
	for (size_t i = 0; i < count; i++) {
		buffer_appendf(out, "  %-*s  %s", (int)width, table[i].name, table[i].help);
		append_facts(&table[i], out);
		buffer_append_c(out, "\n");
	}
}
