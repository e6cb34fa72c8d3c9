#include "lib/schema/pattern.h"

#include "lib/base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

#define TEXT_MAX 8192
#define MATCH_LIMIT 100000   /* from one beginning */
#define HEAP_LIMIT_KIB 16384 /* of a match, for what it may have to go back to */

struct pattern {
	pcre2_code *code;
	/* Bytes that an item may read without getting ahead, so that nothing tells of them: what repeats have
	 * to read at least, look back at, or compare once more. */
	size_t unseen;
	bool has_back_reference;
};

struct pattern_workspace {
	pcre2_match_data *data;
	pcre2_match_context *context;
};

/* What may follow "(?" in ECMA-262 (2025). The rest of what PCRE2 knows would mean something else, or
 * nothing, to every other validator. */
static bool is_group(struct str s)
{
	static const struct str plain[] = {{":", 1}, {"=", 1}, {"!", 1}, {"<=", 2}, {"<!", 2}};
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (str_starts_with(s, plain[i]))
			return true;
	if (s.n > 1 && s.p[0] == '<') /* a name */
		return true;
	size_t i = 0;
	while (i < s.n && strchr("ims-", s.p[i]))
		i++;
	return i > 0 && i < s.n && s.p[i] == ':';
}

static int refuse(struct str rest, const char *why, struct error *err)
{
	rest.n = rest.n > 3 ? 3 : rest.n;
	return error_set(err, ERR_BAD_REQUEST, "\"%.*s\" %s", utf8_shown(rest), rest.p, why);
}

/* Also finds the largest number of times that something has to repeat. */
static int check_syntax(struct str text, size_t *ret_repeats, struct error *err)
{
	bool in_class = false;
	for (size_t i = 0; i < text.n; i++) {
		struct str rest = {text.p + i, text.n - i};
		char next = rest.n > 1 ? rest.p[1] : '\0';
		if (text.p[i] == '\\') {
			if (next == 'Q' || next == 'E' || next == 'K' || next == 'G')
				return refuse(rest, "is no escape of ECMA-262's regular expressions", err);
			i++;
		} else if (text.p[i] == '[' || text.p[i] == ']') {
			in_class = text.p[i] == '[';
		} else if (in_class) {
			continue;
		} else if (text.p[i] == '(' && next == '*') {
			return refuse(rest, "is no group of ECMA-262's regular expressions", err);
		} else if (text.p[i] == '(' && next == '?') {
			if (!is_group((struct str){rest.p + 2, rest.n - 2}))
				return refuse(rest, "is no group of ECMA-262's regular expressions", err);
		} else if (text.p[i] == '{') {
			size_t repeats = 0;
			for (size_t j = 1;
			     j < rest.n && rest.p[j] >= '0' && rest.p[j] <= '9' && repeats < TEXT_MAX * 8;
			     j++)
				repeats = repeats * 10 + (size_t)(rest.p[j] - '0');
			*ret_repeats = repeats > *ret_repeats ? repeats : *ret_repeats;
		}
	}
	return 0;
}

static int compile(struct str text, pcre2_compile_context *context, pcre2_code **ret, struct error *err)
{
	int code = 0;
	size_t position = 0;
	const uint32_t options = PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY |
				 PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS |
				 PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
	if (pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX) != 0 ||
	    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF) != 0)
		return error_set(err, ERR_INTERNAL, "PCRE2 takes an option no more");
	*ret = pcre2_compile((const unsigned char *)(text.n ? text.p : ""), text.n, options, &code, &position,
			     context);
	if (*ret)
		return 0;
	unsigned char why[256] = "";
	if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED)
		return error_no_memory(err);
	pcre2_get_error_message(code, why, sizeof(why));
	return error_set(err, ERR_BAD_REQUEST, "no regular expression: %s, at byte %zu", (const char *)why,
			 position + 1);
}

int pattern_compile(struct str text, struct pattern **ret, struct error *err)
{
	size_t repeats = 0;
	uint32_t back_references = 0, look_behind = 0;
	if (text.n > TEXT_MAX)
		return error_set(err, ERR_BAD_REQUEST,
				 "a regular expression of %zu bytes; at most %d are allowed", text.n,
				 TEXT_MAX);
	if (check_syntax(text, &repeats, err) != 0)
		return -1;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	if (!context)
		return error_no_memory(err);
	pcre2_code *code = NULL;
	int status = compile(text, context, &code, err);
	pcre2_compile_context_free(context);
	if (status != 0)
		return -1;
	struct pattern *pattern = malloc(sizeof(*pattern));
	if (!pattern) {
		pcre2_code_free(code);
		return error_no_memory(err);
	}
	pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &back_references);
	pcre2_pattern_info(code, PCRE2_INFO_MAXLOOKBEHIND, &look_behind);
	*pattern = (struct pattern){code, repeats + look_behind, back_references > 0};
	*ret = pattern;
	return 0;
}

struct pattern *pattern_free(struct pattern *pattern)
{
	if (pattern)
		pcre2_code_free(pattern->code);
	free(pattern);
	return NULL;
}

size_t pattern_size(const struct pattern *pattern)
{
	size_t size = 0;
	pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &size);
	return size + sizeof(*pattern);
}

struct pattern_workspace *pattern_workspace_free(struct pattern_workspace *workspace)
{
	if (workspace) {
		pcre2_match_data_free(workspace->data);
		pcre2_match_context_free(workspace->context);
	}
	free(workspace);
	return NULL;
}

static struct pattern_workspace *workspace_new(void)
{
	struct pattern_workspace *workspace = calloc(1, sizeof(*workspace));
	if (!workspace)
		return NULL;
	workspace->data = pcre2_match_data_create(1, NULL);
	workspace->context = pcre2_match_context_create(NULL);
	if (!workspace->data || !workspace->context)
		return pattern_workspace_free(workspace);
	pcre2_set_match_limit(workspace->context, MATCH_LIMIT);
	pcre2_set_heap_limit(workspace->context, HEAP_LIMIT_KIB);
	return workspace;
}

struct matching {
	struct budget *budget;
	size_t at, unseen;
};

static int before_item(pcre2_callout_block *block, void *context)
{
	struct matching *m = context;
	size_t at = block->current_position;
	size_t read = at > m->at ? at - m->at : m->at - at;
	m->at = at;
	return budget_spend_bytes(m->budget, read + m->unseen) ? 0 : PCRE2_ERROR_CALLOUT;
}

bool pattern_matches(const struct pattern *pattern, struct str subject, struct pattern_workspace **workspace,
		     struct budget *budget)
{
	if (!budget_spend_bytes(budget, subject.n))
		return false;
	if (!*workspace)
		*workspace = workspace_new();
	if (!*workspace) {
		budget->no_memory = true;
		return budget_refuse(budget, "out of memory");
	}
	size_t unseen = pattern->has_back_reference ? subject.n : pattern->unseen;
	struct matching m = {budget, 0, unseen < subject.n ? unseen : subject.n};
	pcre2_set_callout((*workspace)->context, before_item, &m);
	int rc = pcre2_match(pattern->code, (const unsigned char *)(subject.n ? subject.p : ""), subject.n, 0,
			     PCRE2_NO_UTF_CHECK, (*workspace)->data, (*workspace)->context);
	if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
		return rc >= 0;
	if (rc == PCRE2_ERROR_NOMEMORY)
		budget->no_memory = true;
	return budget_refuse(budget, "matching it with a pattern takes too many steps");
}
