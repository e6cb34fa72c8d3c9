#include "controller/build/answer.h"

#include "lib/base/temporary.h"

#include <string.h>
#include <unistd.h>

#define HEAD "SKILLBOX BUILD 1"
#define TAIL "SKILLBOX BUILD END"
#define LINE_MAX_SIZE 256

void build_answer_init(struct build_answer *answer)
{
	*answer = (struct build_answer){
	    .line = BUFFER(LINE_MAX_SIZE), .log = BUFFER(BUILD_ANSWER_LOG_MAX), .fd = -1};
}

static int refuse(struct error *err, const char *what)
{
	return error_set(err, ERR_PROTOCOL, "the build Pod's answer can't be read: %s", what);
}

/* Of what is taken now. */
static struct str take(struct str *bytes, size_t most)
{
	struct str piece = {bytes->p, bytes->n < most ? bytes->n : most};
	bytes->p += piece.n;
	bytes->n -= piece.n;
	return piece;
}

/* 1: the line is whole, without its end; 0: not yet. */
static int take_line(struct build_answer *answer, struct str *bytes, struct error *err)
{
	const char *end = bytes->n ? memchr(bytes->p, '\n', bytes->n) : NULL;
	struct str piece = take(bytes, end ? (size_t)(end - bytes->p) : bytes->n);
	if (buffer_append_str(&answer->line, piece) != 0)
		return answer->line.no_memory ? error_no_memory(err) : refuse(err, "a line has no end");
	if (!end)
		return 0;
	take(bytes, 1);
	return 1;
}

static bool take_word(struct str *line, struct str *ret)
{
	str_split_once(*line, ' ', ret, line);
	return ret->n > 0;
}

static bool take_number(struct str *line, int64_t max, int64_t *ret)
{
	struct str word;
	return take_word(line, &word) && str_to_i64(word, 0, max, ret);
}

static bool read_verdict(struct str word, enum build_verdict *ret)
{
	static const char *const names[] = {
	    [BUILD_OK] = "ok", [BUILD_REFUSED] = "refused", [BUILD_FAILED] = "failed"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(word, str_of(names[i]))) {
			*ret = (enum build_verdict)i;
			return true;
		}
	return false;
}

static bool is_hex(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!(text.p[i] >= '0' && text.p[i] <= '9') && !(text.p[i] >= 'a' && text.p[i] <= 'f'))
			return false;
	return text.n == DIGEST_HEX_SIZE - 1;
}

static int open_zip(struct build_answer *answer, struct str sha256, struct error *err)
{
	if (answer->size == 0 || !is_hex(sha256))
		return refuse(err, "it has no zip of wheels");
	memcpy(answer->sha256, sha256.p, sha256.n);
	answer->sha256[sha256.n] = '\0';
	answer->fd = temporary_file(err);
	if (answer->fd < 0)
		return -1;
	answer->digest = digest_new(err);
	return answer->digest ? 0 : -1;
}

static int read_head(struct build_answer *answer, struct error *err)
{
	struct str line = buffer_str(&answer->line), verdict, sha256;
	int64_t log;
	if (!str_starts_with(line, STR(HEAD " ")))
		return refuse(err, "it begins with something else");
	line.p += strlen(HEAD " ");
	line.n -= strlen(HEAD " ");
	if (!take_word(&line, &verdict) || !read_verdict(verdict, &answer->verdict) ||
	    !take_number(&line, BUILD_ANSWER_LOG_MAX, &log) ||
	    !take_number(&line, INT64_MAX, &answer->size) || !take_word(&line, &sha256) || line.n > 0)
		return refuse(err, "its first line is none");
	if (answer->size > BUILD_ANSWER_MAX)
		return error_set(err, ERR_TOO_LARGE, "the wheels have more than %lld MiB together",
				 (long long)(BUILD_ANSWER_MAX >> 20));
	answer->log_size = (size_t)log;
	answer->stage = ANSWER_LOG;
	buffer_reset(&answer->line);
	if (answer->verdict == BUILD_OK)
		return open_zip(answer, sha256, err);
	return answer->size == 0 ? 0 : refuse(err, "it has a zip, and no success");
}

static int take_log(struct build_answer *answer, struct str *bytes, struct error *err)
{
	if (buffer_append_str(&answer->log, take(bytes, answer->log_size - answer->log.len)) != 0)
		return error_no_memory(err);
	if (answer->log.len == answer->log_size)
		answer->stage = answer->fd >= 0 ? ANSWER_ZIP : ANSWER_TAIL;
	return 0;
}

static int check_zip(struct build_answer *answer, struct error *err)
{
	unsigned char hash[32];
	char hex[DIGEST_HEX_SIZE];
	if (digest_finish(answer->digest, hash, err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(hash); i++) {
		static const char digits[] = "0123456789abcdef";
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 15];
	}
	hex[DIGEST_HEX_SIZE - 1] = '\0';
	answer->stage = ANSWER_TAIL;
	return strcmp(hex, answer->sha256) == 0 ? 0 : refuse(err, "the zip is not what its hash says");
}

static int take_zip(struct build_answer *answer, struct str *bytes, struct error *err)
{
	int64_t left = answer->size - answer->received;
	struct str piece = take(bytes, left < (int64_t)bytes->n ? (size_t)left : bytes->n);
	if (temporary_write(answer->fd, piece, err) != 0 ||
	    digest_update(answer->digest, piece.p, piece.n, err) != 0)
		return -1;
	answer->received += (int64_t)piece.n;
	return answer->received == answer->size ? check_zip(answer, err) : 0;
}

/* A line is whole: which? */
static int end_line(struct build_answer *answer, struct error *err)
{
	if (answer->stage == ANSWER_HEAD)
		return read_head(answer, err);
	if (!str_eq(buffer_str(&answer->line), STR(TAIL)))
		return refuse(err, "its end is missing");
	answer->stage = ANSWER_WHOLE;
	return 0;
}

static int take_some(struct build_answer *answer, struct str *bytes, struct error *err)
{
	int status;
	switch (answer->stage) {
	case ANSWER_HEAD:
	case ANSWER_TAIL:
		status = take_line(answer, bytes, err);
		return status > 0 ? end_line(answer, err) : status;
	case ANSWER_LOG:
		return take_log(answer, bytes, err);
	case ANSWER_ZIP:
		return take_zip(answer, bytes, err);
	case ANSWER_WHOLE:
		break;
	}
	return refuse(err, "there is something behind its end");
}

int build_answer_take(struct build_answer *answer, struct str bytes, struct error *err)
{
	while (bytes.n > 0)
		if (take_some(answer, &bytes, err) != 0)
			return -1;
	/* Without a log nothing need come for the next stage. */
	if (answer->stage == ANSWER_LOG && answer->log_size == 0)
		return take_log(answer, &bytes, err);
	return 0;
}

int build_answer_end(const struct build_answer *answer, struct error *err)
{
	return answer->stage == ANSWER_WHOLE
		   ? 0
		   : error_set(err, ERR_UNAVAILABLE,
			       "the build Pod's stream ended before its answer was whole");
}

struct str build_answer_reason(const struct build_answer *answer)
{
	struct str line, rest;
	str_split_once(buffer_str(&answer->log), '\n', &line, &rest);
	return line;
}

void build_answer_drop_zip(struct build_answer *answer)
{
	if (answer->fd >= 0)
		close(answer->fd);
	answer->fd = -1;
}

void build_answer_free(struct build_answer *answer)
{
	build_answer_drop_zip(answer);
	digest_free(answer->digest);
	buffer_free(&answer->line);
	buffer_free(&answer->log);
	build_answer_init(answer);
}
