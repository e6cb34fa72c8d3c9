#include "cli/cases/test_case.h"

#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"
#include "lib/frame/frame.h"

#include <stdlib.h>

enum field { NAME, INPUT, ENV, OUTPUT, ERROR_CODE, ERROR_PART, FILES, LOG_HAS, FIELD_COUNT };
static const char *const field_names[FIELD_COUNT] = {"name",       "input", "env",   "output",
						     "error_code", "error", "files", "log_has"};

void test_case_free(struct test_case *test)
{
	for (size_t i = 0; i < test->env_count; i++) {
		free(test->env[i].name);
		free(test->env[i].value);
	}
	free(test->env);
	free(test->file);
	free(test->name);
	free(test->text);
	free(test->error_code);
	free(test->error);
	free(test->log_has);
	*test = (struct test_case){0};
}

static int wrong_kind(const char *field, const char *what, struct str value, struct error *err)
{
	struct str shown = utf8_cut(value, UTF8_SHOWN_MAX);
	return error_set(err, ERR_BAD_REQUEST, "'%s' is to be %s, not %.*s", field, what, (int)shown.n,
			 shown.p);
}

/* A field that is a text; what isn't there is left NULL. */
static int take_text(struct str value, enum field field, char **ret, struct error *err)
{
	if (!value.p)
		return 0;
	if (jsontext_kind_of(value) != JSONTEXT_STRING)
		return wrong_kind(field_names[field], "a text", value, err);
	cleanup_buffer struct buffer text = BUFFER(value.n + 1);
	if (jsontext_decode_string(value, &text, err) != 0)
		return error_wrap(err, "'%s'", field_names[field]);
	if (text.len == 0 || memchr(text.data, '\0', text.len))
		return error_set(err, ERR_BAD_REQUEST, "'%s' is empty, or has a NUL", field_names[field]);
	*ret = buffer_steal(&text);
	return *ret ? 0 : error_no_memory(err);
}

static int take_variable(struct str raw, struct str value, struct variable *ret, struct error *err)
{
	cleanup_buffer struct buffer name = BUFFER(raw.n + 2), text = BUFFER(value.n + 1);
	struct str quoted = {raw.p - 1, raw.n + 2};
	if (jsontext_decode_string(quoted, &name, err) != 0)
		return -1;
	if (!frame_env_name_is_allowed(buffer_str(&name)))
		return error_set(err, ERR_INVALID_ENV,
				 "environment variable '%.*s' can't be set: the name is reserved or no name",
				 utf8_shown(buffer_str(&name)), name.data ? name.data : "");
	if (jsontext_kind_of(value) != JSONTEXT_STRING)
		return error_set(err, ERR_BAD_REQUEST, "the value of '%s' in 'env' is to be a text",
				 name.data);
	if (jsontext_decode_string(value, &text, err) != 0)
		return -1;
	if (text.len > 0 && memchr(text.data, '\0', text.len))
		return error_set(err, ERR_BAD_REQUEST, "the value of '%s' in 'env' has a NUL", name.data);
	ret->name = buffer_steal(&name);
	ret->value = buffer_steal(&text);
	return ret->name && ret->value ? 0 : error_no_memory(err);
}

static int take_env(struct str value, struct test_case *ret, struct error *err)
{
	struct str raw, text;
	size_t count = 0;
	if (!value.p)
		return 0;
	if (jsontext_kind_of(value) != JSONTEXT_OBJECT)
		return wrong_kind("env", "an object of texts", value, err);
	for (size_t position = 0; jsontext_next_member(value, &position, &raw, &text);)
		count++;
	if (count > FRAME_MAX_ENV)
		return error_set(err, ERR_BAD_REQUEST, "'env' has %zu variables, more than %u", count,
				 FRAME_MAX_ENV);
	ret->env = calloc(count + 1, sizeof(*ret->env));
	if (!ret->env)
		return error_no_memory(err);
	for (size_t position = 0; jsontext_next_member(value, &position, &raw, &text);)
		if (take_variable(raw, text, &ret->env[ret->env_count++], err) != 0)
			return -1;
	return 0;
}

static int take_files(struct str value, struct test_case *ret, struct error *err)
{
	struct str element;
	if (!value.p)
		return 0;
	if (jsontext_kind_of(value) != JSONTEXT_ARRAY)
		return wrong_kind("files", "a list of paths", value, err);
	for (size_t position = 0; jsontext_next_element(value, &position, &element);)
		if (jsontext_kind_of(element) != JSONTEXT_STRING)
			return wrong_kind("files", "a list of paths, each a text", element, err);
	ret->files = value;
	return 0;
}

static int check_whole(const struct str *values, struct error *err)
{
	if (values[OUTPUT].p && values[ERROR_CODE].p)
		return error_set(err, ERR_BAD_REQUEST,
				 "'output' and 'error_code' are both there: a case expects the one or the "
				 "other");
	if (values[ERROR_PART].p && !values[ERROR_CODE].p)
		return error_set(err, ERR_BAD_REQUEST,
				 "'error' stands beside 'error_code' only: add it, e.g. \"exit_nonzero\"");
	return 0;
}

/* "empty" of "tests/empty.json" */
static char *name_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	struct str name = str_of(slash ? slash + 1 : file);
	if (str_ends_with(name, STR(".json")))
		name.n -= 5;
	return str_dup(name);
}

static int parse(struct test_case *test, size_t size, struct error *err)
{
	struct str values[FIELD_COUNT], whole = {test->text, size};
	const struct jsontext_rules rules = {.max_depth = JSON_COMPARE_DEPTH};
	if (jsontext_check(whole, &rules, err) != 0)
		return -1;
	whole = str_trim(whole);
	if (jsontext_kind_of(whole) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "a case is a JSON object");
	if (jsontext_read_fields(whole, field_names, FIELD_COUNT, values, err) != 0 ||
	    check_whole(values, err) != 0 || take_text(values[NAME], NAME, &test->name, err) != 0 ||
	    take_text(values[ERROR_CODE], ERROR_CODE, &test->error_code, err) != 0 ||
	    take_text(values[ERROR_PART], ERROR_PART, &test->error, err) != 0 ||
	    take_text(values[LOG_HAS], LOG_HAS, &test->log_has, err) != 0 ||
	    take_env(values[ENV], test, err) != 0 || take_files(values[FILES], test, err) != 0)
		return -1;
	test->input = values[INPUT].p ? values[INPUT] : STR("{}");
	test->output = values[OUTPUT];
	if (!test->name)
		test->name = name_of(test->file);
	return test->name ? 0 : error_no_memory(err);
}

int test_case_parse(const char *file, char *text, size_t size, struct test_case *ret, struct error *err)
{
	struct test_case test = {.file = str_dup(str_of(file)), .text = text};
	int status = test.file ? parse(&test, size, err) : error_no_memory(err);
	if (status != 0) {
		test_case_free(&test);
		return error_wrap(err, "%s", file);
	}
	*ret = test;
	return 0;
}

/* Judging */

static struct str member(struct str object, struct str key)
{
	struct str value;
	return jsontext_member(object, key, &value) ? value : (struct str){NULL, 0};
}

static bool is_absent(struct str value)
{
	return !value.p || jsontext_kind_of(value) == JSONTEXT_NULL;
}

/* A text of ours beside a value of the result's. */
static int differ(struct differences *differences, const char *path, const char *wanted, struct str got,
		  struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(6 * strlen(wanted) + 2);
	if (jsontext_append_string(&text, str_of(wanted)) != 0)
		return error_no_memory(err);
	return differences_add(differences, str_of(path), buffer_str(&text), got, err);
}

static int judge_code(const struct test_case *test, struct str result, struct differences *ret,
		      bool *ret_goes_on, struct error *err)
{
	struct str code = member(result, STR("error_code")), why = member(result, STR("error"));
	cleanup_buffer struct buffer text = BUFFER(code.n + 1);
	*ret_goes_on = true;
	if (is_absent(code) && !test->error_code)
		return 0;
	if (!is_absent(code) && jsontext_decode_string(code, &text, err) != 0)
		return -1;
	if (test->error_code && str_eq(buffer_str(&text), str_of(test->error_code)))
		return 0;
	/* It ended quite otherwise: what else is missing then says nothing. */
	*ret_goes_on = false;
	if (test->error_code)
		return differ(ret, "error_code", test->error_code,
			      is_absent(code) ? (struct str){NULL, 0} : code, err) != 0 ||
			       (!is_absent(why) &&
				differences_add(ret, STR("error"), (struct str){NULL, 0}, why, err) != 0)
			   ? -1
			   : 0;
	if (differ(ret, "status", "success", member(result, STR("status")), err) != 0)
		return -1;
	return differences_add(ret, STR("error"), (struct str){NULL, 0}, why, err);
}

/* Is the text of ours a part of the result's? */
static int judge_part(const char *part, struct str whole, const char *path, struct differences *ret,
		      struct error *err)
{
	if (!part)
		return 0;
	cleanup_buffer struct buffer text = BUFFER(whole.n + 1);
	if (!is_absent(whole) && jsontext_decode_string(whole, &text, err) != 0)
		return -1;
	if (text.len > 0 && memmem(text.data, text.len, part, strlen(part)))
		return 0;
	return differ(ret, path, part, is_absent(whole) ? (struct str){NULL, 0} : whole, err);
}

static int judge_output(const struct test_case *test, struct str result, struct differences *ret,
			struct error *err)
{
	struct str got = member(result, STR("output"));
	if (!test->output.p)
		return 0;
	if (!got.p)
		return differences_add(ret, STR("output"), test->output, got, err);
	return json_compare(test->output, got, "output", ret, err);
}

/* Paths */

static bool list_has(struct str list, struct str path)
{
	struct str element;
	cleanup_buffer struct buffer text = BUFFER(FRAME_MAX_PATH * 6);
	for (size_t position = 0; list.p && jsontext_next_element(list, &position, &element);) {
		buffer_reset(&text);
		if (jsontext_decode_string(element, &text, NULL) == 0 && str_eq(buffer_str(&text), path))
			return true;
	}
	return false;
}

/* Those of one list that the other one lacks. */
static int judge_list(struct str list, struct str other, bool is_wanted, struct differences *ret,
		      struct error *err)
{
	struct str element;
	static const struct str nothing = {NULL, 0};
	for (size_t position = 0; list.p && jsontext_next_element(list, &position, &element);) {
		cleanup_buffer struct buffer path = BUFFER(element.n + 1);
		if (jsontext_decode_string(element, &path, NULL) == 0 && list_has(other, buffer_str(&path)))
			continue;
		if (differences_add(ret, STR("files"), is_wanted ? element : nothing,
				    is_wanted ? nothing : element, err) != 0)
			return -1;
	}
	return 0;
}

int test_case_judge(const struct test_case *test, struct str result, struct differences *ret,
		    struct error *err)
{
	bool goes_on;
	struct str files = member(result, STR("files_list"));
	if (judge_code(test, result, ret, &goes_on, err) != 0)
		return -1;
	if (!goes_on)
		return 0;
	if (judge_part(test->error, member(result, STR("error")), "error", ret, err) != 0 ||
	    judge_output(test, result, ret, err) != 0)
		return -1;
	if (test->files.p && (judge_list(test->files, files, true, ret, err) != 0 ||
			      judge_list(files, test->files, false, ret, err) != 0))
		return -1;
	return judge_part(test->log_has, member(result, STR("logs")), "log", ret, err);
}
