#include "runner/cell/reason.h"

#include "lib/base/utf8.h"
#include "lib/frame/frame.h"
#include "runner/cell/shapes.h"

#define WORDS_MAX (2u * FRAME_MAX_REASON)
/* Lines (blank ones and noise don't count) that may stand behind a reason. Much may be said at exit; but what
 * stands further above was got over, most likely. */
#define BEHIND_REASON 100u
#define BEHIND_ERROR_LINE 10u

static void say(struct buffer *out, struct str text)
{
	size_t room = out->max - out->len;
	buffer_append_str(out, (struct str){text.p, text.n < room ? text.n : room});
}

/* A line more: behind a sign that says that something follows, as it is; else as another sentence. */
static void say_next(struct buffer *out, const char *word, struct str text)
{
	if (text.n == 0)
		return;
	if (out->len > 0)
		say(out, strchr(":;,.([{", out->data[out->len - 1]) ? STR(" ") : STR("; "));
	say(out, str_of(word));
	say(out, text);
}

static void tell(const struct lines *lines, const struct shape *shape, struct buffer *out)
{
	say(out, str_of(shape->before));
	say(out, shape->head);
	for (size_t k = shape->from + 1; k < shape->to; k++) {
		struct str text = lines_text(lines, k);
		bool is_place = str_starts_with(text, STR("- /")); /* of node's "Require stack:" */
		if (!shape_is_noise(&lines->of[k]) && !is_place)
			say_next(out, "", text);
	}
	if (shape->code.n > 0 &&
	    !(out->len > 0 && memmem(out->data, out->len, shape->code.p, shape->code.n))) {
		say(out, STR(" (code "));
		say(out, shape->code);
		say(out, STR(")"));
	}
	for (size_t i = 0; i < shape->more_count; i++)
		say_next(out, shape->more_word, shape->more[i]);
}

static size_t count_lines(const struct lines *lines, size_t from, size_t to)
{
	size_t n = 0;
	for (size_t k = from; k < to; k++)
		n += !shape_is_noise(&lines->of[k]);
	return n;
}

/* The best of all shapes; false if there is none but blank lines. */
static bool choose(const struct lines *lines, struct shape *ret)
{
	bool found = false;
	size_t left = count_lines(lines, 0, lines->count);
	for (size_t at = 0; at < lines->count;) {
		struct shape shape = shape_at(lines, at);
		left -= count_lines(lines, at, shape.end);
		at = shape.end;
		bool too_far = shape.rank > SHAPE_LINE &&
			       left > (shape.rank == SHAPE_ERROR_LINE ? BEHIND_ERROR_LINE : BEHIND_REASON);
		if (shape.head.n == 0 || too_far || (found && shape.rank < ret->rank))
			continue;
		*ret = shape;
		found = true;
	}
	return found;
}

/* One piece of text, with no sign that isn't to be seen. */
static int finish(struct str words, struct buffer *out, struct error *err)
{
	cleanup_buffer struct buffer clean = BUFFER((size_t)UTF8_CLEAN_GROWTH * WORDS_MAX);
	if (utf8_append_clean(&clean, str_trim(words)) != 0)
		return error_no_memory(err);
	for (size_t i = 0; i < clean.len; i++)
		if ((unsigned char)clean.data[i] < ' ')
			clean.data[i] = ' ';
	if (buffer_append_str(out, utf8_cut_words(str_trim(buffer_str(&clean)), FRAME_MAX_REASON)) != 0)
		return error_no_memory(err);
	return 0;
}

int reason_find(struct str errors, struct str output, struct buffer *out, struct error *err)
{
	struct lines lines;
	struct shape shape;
	cleanup_buffer struct buffer words = BUFFER(WORDS_MAX);
	lines_read(errors, &lines);
	if (!choose(&lines, &shape)) {
		lines_read(output, &lines);
		if (!choose(&lines, &shape) || shape.rank < SHAPE_ASIDE)
			return 0;
	}
	tell(&lines, &shape, &words);
	if (words.no_memory)
		return error_no_memory(err);
	return finish(buffer_str(&words), out, err);
}
