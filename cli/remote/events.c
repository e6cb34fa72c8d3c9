#include "cli/remote/events.h"

#include "lib/base/jsontext.h"

#include <stdlib.h>

#define EVENT_MAX ((size_t)16 << 20)
#define MARKS_MAX ((size_t)16 << 20) /* lines that are remembered, eight bytes each */

/* ---- the stream's form */

void events_init(struct events *events,
		 int (*found)(void *context, struct str name, struct str data, struct error *err),
		 void *context)
{
	*events = (struct events){.line = BUFFER(EVENT_MAX),
				  .data = BUFFER(EVENT_MAX),
				  .name = BUFFER(256),
				  .found = found,
				  .context = context};
}

void events_reset(struct events *events)
{
	buffer_reset(&events->line);
	buffer_reset(&events->data);
	buffer_reset(&events->name);
	events->has_data = events->after_cr = false;
}

void events_free(struct events *events)
{
	buffer_free(&events->line);
	buffer_free(&events->data);
	buffer_free(&events->name);
}

static int give(struct events *events, struct error *err)
{
	int status = 0;
	struct str name = events->name.len > 0 ? buffer_str(&events->name) : STR("message");
	if (events->has_data)
		status = events->found(events->context, name, buffer_str(&events->data), err);
	buffer_reset(&events->data);
	buffer_reset(&events->name);
	events->has_data = false;
	return status;
}

/* events->line is whole. */
static int take_line(struct events *events, struct error *err)
{
	struct str line = buffer_str(&events->line), field, value;
	if (line.n == 0)
		return give(events, err);
	str_split_once(line, ':', &field, &value);
	if (value.n > 0 && value.p[0] == ' ') {
		value.p++;
		value.n--;
	}
	if (str_eq(field, STR("event"))) {
		buffer_reset(&events->name);
		buffer_append_str(&events->name,
				  value); /* a longer one than any that is known: then it is none */
	} else if (str_eq(field, STR("data"))) {
		if (events->has_data)
			buffer_append_byte(&events->data, '\n');
		buffer_append_str(&events->data, value);
		events->has_data = true;
	}
	buffer_reset(&events->line);
	return buffer_check(&events->data, "an event of the log", err);
}

int events_feed(struct events *events, struct str bytes, struct error *err)
{
	for (size_t start = 0, at = 0; at < bytes.n; at++) {
		char c = bytes.p[at];
		bool is_end = c == '\n' || c == '\r', is_half = c == '\n' && events->after_cr;
		if (is_end || at + 1 == bytes.n)
			buffer_append(&events->line, bytes.p + start, at - start + (is_end ? 0 : 1));
		events->after_cr = c == '\r';
		if (!is_end)
			continue;
		start = at + 1;
		if (buffer_check(&events->line, "a line of the log", err) != 0)
			return -1;
		if (!is_half && take_line(events, err) != 0)
			return -1;
	}
	return buffer_check(&events->line, "a line of the log", err);
}

/* ---- the log in it */

/* Every answer begins with the first line. Those that were given are told by their hashes and left out; if a
 * line is another (the middle of a long log is left out at its end), all from there on is given. */
struct following {
	struct events events;
	uint64_t *marks;
	size_t count, room;
	size_t place;  /* of the next line, in this answer */
	uint64_t news; /* lines that were given */
	bool has_ended;
	struct error *failure; /* what an event "error" said */
	bool has_failed;
	int (*line)(void *context, struct str text, struct error *err);
	void *context;
};

static uint64_t hash(struct str s) /* FNV-1a */
{
	uint64_t value = 14695981039346656037u;
	for (size_t i = 0; i < s.n; i++)
		value = (value ^ (unsigned char)s.p[i]) * 1099511628211u;
	return value;
}

static int remember(struct following *f, uint64_t mark, struct error *err)
{
	f->count = f->place;
	if (f->count == f->room) {
		size_t room = f->room ? 2 * f->room : 1024;
		if (room > MARKS_MAX)
			return error_set(err, ERR_TOO_LARGE, "the log has more than %zu lines", MARKS_MAX);
		uint64_t *marks = realloc(f->marks, room * sizeof(*marks));
		if (!marks)
			return error_no_memory(err);
		f->marks = marks;
		f->room = room;
	}
	f->marks[f->count++] = mark;
	f->place++;
	f->news++;
	return 0;
}

static int take_event(void *context, struct str name, struct str data, struct error *err)
{
	struct following *f = context;
	if (f->has_ended || f->has_failed)
		return 0;
	if (str_eq(name, STR("end"))) {
		f->has_ended = true;
	} else if (str_eq(name, STR("error"))) {
		cleanup_buffer struct buffer text = BUFFER(1024);
		struct str message;
		f->has_failed = true;
		if (jsontext_check(data, NULL, NULL) == 0 &&
		    jsontext_kind_of(str_trim(data)) == JSONTEXT_OBJECT &&
		    jsontext_member(str_trim(data), STR("message"), &message) &&
		    jsontext_kind_of(message) == JSONTEXT_STRING)
			jsontext_decode_string(message, &text, NULL);
		error_set(f->failure, ERR_UNAVAILABLE, "%s",
			  text.len > 0 ? text.data : "the log can't be followed");
	} else if (str_eq(name, STR("message"))) {
		uint64_t mark = hash(data);
		if (f->place < f->count && f->marks[f->place] == mark) {
			f->place++;
			return 0;
		}
		return remember(f, mark, err) != 0 ? -1 : f->line(f->context, data, err);
	}
	return 0;
}

static int follow_begin(void *context, const char *content_type, struct error *err)
{
	struct following *f = context;
	f->place = 0;
	f->has_failed = false;
	events_reset(&f->events);
	if (!str_starts_with_ignore_case(str_of(content_type), STR("text/event-stream")))
		return error_set(err, ERR_PROTOCOL, "the answer is no event stream");
	return 0;
}

static int follow_piece(void *context, struct str bytes, struct error *err)
{
	struct following *f = context;
	return events_feed(&f->events, bytes, err);
}

static int follow_end(void *context, bool *ret_final, struct error *err)
{
	struct following *f = context;
	*ret_final = false;
	if (f->has_failed)
		return error_set(err, ERR_UNAVAILABLE, "%s", f->failure->message);
	return f->has_ended ? 0 : error_set(err, ERR_UNAVAILABLE, "the log ended without saying so");
}

static uint64_t follow_reached(void *context)
{
	return ((struct following *)context)->news;
}

int events_follow(struct http *http, const char *execution_id,
		  int (*line)(void *context, struct str text, struct error *err), void *context,
		  struct error *err)
{
	struct error failure;
	struct following f = {.failure = &failure, .line = line, .context = context};
	struct http_sink sink = {follow_begin, follow_piece, follow_end, follow_reached, &f};
	cleanup_buffer struct buffer path = BUFFER(1024);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	buffer_append_c(&path, "/v1/executions/");
	http_escape(&path, str_of(execution_id));
	buffer_append_c(&path, "/logs?follow=true");
	if (buffer_check(&path, "the execution's id", err) != 0)
		return -1;
	struct http_request request = {
	    .method = "GET", .path = path.data, .accept = "text/event-stream", .to = &sink};
	events_init(&f.events, take_event, &f);
	int status = http_send(http, &request, &answer, err);
	events_free(&f.events);
	free(f.marks);
	return status;
}
