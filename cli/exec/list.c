#include "cli/commands.h"
#include "cli/result.h"
#include "lib/base/jsontext.h"

#define PAGE_MAX 200
#define LIMIT_MAX 100000
#define LIST_MAX ((size_t)1 << 30)

struct paging {
	struct buffer items; /* of the array that is printed */
	struct buffer cursor;
	int64_t left;
};

static void append_query(struct buffer *path, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	buffer_appendf(path, "%c%s=", path->len > 0 && memchr(path->data, '?', path->len) ? '&' : '?', name);
	http_escape(path, str_of(value));
}

/* The items of a page behind those that are there. */
static int take_page(struct paging *paging, struct str body, struct error *err)
{
	static const struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	struct str list, item, next;
	size_t position = 0;
	body = str_trim(body);
	if (jsontext_check(body, &rules, err) != 0)
		return error_wrap(err, "the answer makes no sense");
	if (jsontext_kind_of(body) != JSONTEXT_OBJECT || !jsontext_member(body, STR("executions"), &list) ||
	    jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: 'executions' is missing");
	while (paging->left > 0 && jsontext_next_element(list, &position, &item)) {
		if (paging->items.len > 1)
			buffer_append_byte(&paging->items, ',');
		buffer_append_str(&paging->items, item);
		paging->left--;
	}
	cleanup_buffer struct buffer cursor = BUFFER(4096);
	if (jsontext_member(body, STR("next"), &next) && jsontext_kind_of(next) == JSONTEXT_STRING &&
	    jsontext_decode_string(next, &cursor, err) != 0)
		return -1;
	if (cursor.len == 0 || str_eq(buffer_str(&cursor), buffer_str(&paging->cursor)))
		paging->left = 0;
	buffer_reset(&paging->cursor);
	buffer_append_str(&paging->cursor, buffer_str(&cursor));
	return buffer_check(&paging->items, "the list", err);
}

static int read_pages(struct http *http, const struct call *call, struct paging *paging, struct error *err)
{
	int64_t page = paging->left < PAGE_MAX ? paging->left : PAGE_MAX;
	if (call_flag(call, "all"))
		paging->left = INT64_MAX;
	while (paging->left > 0) {
		char limit[24];
		cleanup_buffer struct buffer path = BUFFER(8192);
		cleanup_answer struct http_answer answer = HTTP_ANSWER;
		snprintf(limit, sizeof(limit), "%d", (int)page);
		buffer_append_c(&path, "/v1/executions");
		append_query(&path, "skill", call_text(call, "skill"));
		append_query(&path, "status", call_text(call, "status"));
		append_query(&path, "limit", limit);
		append_query(&path, "cursor", paging->cursor.data);
		if (buffer_check(&path, "the request", err) != 0)
			return -1;
		struct http_request request = {.method = "GET", .path = path.data};
		int status = http_send(http, &request, &answer, err);
		if (status != 0 || (status = take_page(paging, buffer_str(&answer.body), err)) != 0)
			return status;
	}
	return 0;
}

static int run(const struct call *call, struct error *err)
{
	const char *limit = call_text(call, "limit");
	struct paging paging = {.items = BUFFER(LIST_MAX), .cursor = BUFFER(4096), .left = 50};
	if (limit && !str_to_i64(str_of(limit), 1, LIMIT_MAX, &paging.left))
		return call_usage(err, "--limit is '%s', and must be a number from 1 to %d", limit,
				  LIMIT_MAX);
	cleanup_http struct http *http = http_open(call, err);
	buffer_append_byte(&paging.items, '[');
	int status = http ? read_pages(http, call, &paging, err) : -1;
	buffer_append_byte(&paging.items, ']');
	if (status == 0)
		status = print_list(buffer_str(&paging.items), &result_listing,
				    settings_output(call, OUTPUT_TABLE), err);
	buffer_free(&paging.items);
	buffer_free(&paging.cursor);
	return status;
}

const struct command exec_list_command = {
    .path = "exec list",
    .summary = "executions, the newest first",
    .options = {{"skill", 0, VALUE_TEXT, "NAME", "of this skill only", COMPLETE_SKILL},
		{"status", 0, VALUE_TEXT, "pending|running|success|failed|timeout|cancelled",
		 "with this status only", COMPLETE_CHOICE},
		{"limit", 'n', VALUE_TEXT, "NUMBER", "at most so many (50); with --all, so many a request",
		 COMPLETE_NOTHING},
		{"all", 0, VALUE_NONE, NULL, "all of them, however many", COMPLETE_NOTHING}},
    .run = run,
};
