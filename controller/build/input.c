#include "controller/build/input.h"

#include "controller/build/answer.h"
#include "lib/base/json_write.h"
#include "lib/base/utf8.h"
#include "lib/policy/policy.h"
#include "lib/run/bundle.h"
#include "lib/skill/archive.h"

#include <stdlib.h>

#define TXT "requirements.txt"
#define LOCK "requirements.lock"
/* Of one such file, and of all that might be included. */
#define FILE_MAX_SIZE ((size_t)1 << 20)
#define FILES_MAX_SIZE ((size_t)4 << 20)
#define CANDIDATES_MAX 256
#define INCLUDED_MAX 32
#define PATH_MAX_SIZE 1024

struct candidate {
	char *path;
	struct buffer text;
	bool is_included;
};

/* Of one archive, while it is read. */
struct gathering {
	struct candidate candidates[CANDIDATES_MAX];
	size_t count, included;
	struct buffer *text; /* where the bytes go that come */
	size_t left;
};

/* ---- the files that may be meant */

static bool may_be_meant(struct str path)
{
	static const char *const suffixes[] = {".txt", ".lock", ".in", ".pip", ".req"};
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (str_ends_with(path, str_of(suffixes[i])))
			return true;
	return false;
}

static int see_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct gathering *g = context;
	if (!may_be_meant(str_of(entry->path)) || entry->size > FILE_MAX_SIZE || entry->size > g->left ||
	    g->count == CANDIDATES_MAX)
		return 1;
	struct candidate *candidate = &g->candidates[g->count];
	*candidate =
	    (struct candidate){.path = str_dup(str_of(entry->path)), .text = BUFFER(entry->size + 1)};
	if (!candidate->path)
		return error_no_memory(err);
	g->count++;
	g->left -= entry->size;
	g->text = &candidate->text;
	return 0;
}

static int see_data(void *context, struct str piece, struct error *err)
{
	const struct gathering *g = context;
	return buffer_append_str(g->text, piece) == 0 ? 0 : error_no_memory(err);
}

/* So that the order of the archive makes no difference. */
static int compare_candidates(const void *a, const void *b)
{
	return strcmp(((const struct candidate *)a)->path, ((const struct candidate *)b)->path);
}

static struct candidate *find(struct gathering *g, struct str path)
{
	for (size_t i = 0; i < g->count; i++)
		if (str_eq(str_of(g->candidates[i].path), path))
			return &g->candidates[i];
	return NULL;
}

/* ---- which of them are included */

/* Append the path that `name` means in the file `from`, with "." and ".." worked out. False: none in the
 * archive. */
static bool resolve(struct str from, struct str name, struct buffer *ret)
{
	const char *slash = from.n ? memrchr(from.p, '/', from.n) : NULL;
	if (slash)
		buffer_append(ret, from.p, (size_t)(slash - from.p));
	for (bool more = name.n > 0; more;) {
		struct str part;
		more = str_split_once(name, '/', &part, &name);
		if (part.n == 0 || str_eq(part, STR(".")))
			continue;
		if (!str_eq(part, STR(".."))) {
			buffer_append_c(ret, ret->len > 0 ? "/" : "");
			buffer_append_str(ret, part);
			continue;
		}
		if (ret->len == 0)
			return false;
		const char *last = memrchr(ret->data, '/', ret->len);
		ret->len = last ? (size_t)(last - ret->data) : 0;
	}
	return !ret->failed && ret->len > 0;
}

/* Of a line "-r other.txt", "--constraint=other.txt". */
static bool included_name(struct str line, struct str *ret)
{
	static const char *const options[] = {"--requirement", "--constraint", "-r", "-c"};
	line = str_trim(line);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		size_t n = strlen(options[i]);
		if (!str_starts_with(line, str_of(options[i])))
			continue;
		*ret = str_trim((struct str){line.p + n, line.n - n});
		if (ret->n > 0 && ret->p[0] == '=')
			*ret = str_trim((struct str){ret->p + 1, ret->n - 1});
		const char *comment = ret->n ? memmem(ret->p, ret->n, " #", 2) : NULL;
		if (comment)
			*ret = str_trim((struct str){ret->p, (size_t)(comment - ret->p)});
		return ret->n > 0;
	}
	return false;
}

static int include(struct gathering *g, struct candidate *candidate, struct error *err);

/* What isn't there, the program tells. */
static int include_lines(struct gathering *g, const struct candidate *candidate, struct error *err)
{
	struct str line, name, left = buffer_str(&candidate->text);
	for (bool more = left.n > 0; more;) {
		more = str_split_once(left, '\n', &line, &left);
		cleanup_buffer struct buffer path = BUFFER(PATH_MAX_SIZE);
		if (!included_name(line, &name) || !resolve(str_of(candidate->path), name, &path))
			continue;
		struct candidate *other = find(g, buffer_str(&path));
		if (other && !other->is_included && include(g, other, err) != 0)
			return -1;
	}
	return 0;
}

/* No deeper than INCLUDED_MAX. */
static int include(struct gathering *g, struct candidate *candidate, struct error *err)
{
	size_t position;
	if (g->included++ == INCLUDED_MAX)
		return error_set(err, ERR_INVALID_SKILL, "%s includes more than %d files", TXT, INCLUDED_MAX);
	if (!utf8_is_valid(buffer_str(&candidate->text), &position) ||
	    (candidate->text.len > 0 && memchr(candidate->text.data, '\0', candidate->text.len)))
		return error_set(err, ERR_INVALID_SKILL, "%s is no text in UTF-8", candidate->path);
	candidate->is_included = true;
	return include_lines(g, candidate, err);
}

static int choose(struct gathering *g, struct error *err)
{
	struct candidate *root = find(g, STR(LOCK));
	if (!root)
		root = find(g, STR(TXT));
	if (!root)
		return error_set(err, ERR_INVALID_SKILL, "the archive has no %s of at most %zu bytes", TXT,
				 FILE_MAX_SIZE);
	return include(g, root, err);
}

/* ---- as the program reads it */

static void put_target(struct buffer *out, const struct wheel_target *target)
{
	json_key(out, "target");
	json_open(out, '{');
	wheel_target_put(target, out);
	json_close(out, '}');
}

static int put_files(struct buffer *out, const struct gathering *g, struct error *err)
{
	json_key(out, "files");
	json_open(out, '{');
	for (size_t i = 0; i < g->count; i++) {
		const struct candidate *candidate = &g->candidates[i];
		const char *text = candidate->text.data ? candidate->text.data : "";
		if (candidate->is_included && json_put_text(out, candidate->path, text, err) != 0)
			return -1;
	}
	json_close(out, '}');
	return 0;
}

/* The key is that of the text without what changes nothing about the packages. */
static int write_input(const struct build_input_request *request, const struct gathering *g,
		       struct build_input *ret, struct error *err)
{
	cleanup_buffer struct buffer json = BUFFER(BUILD_INPUT_MAX);
	json_open(&json, '{');
	json_put_string(&json, "index_url", request->index_url);
	put_target(&json, request->target);
	if (put_files(&json, g, err) != 0)
		return -1;
	if (buffer_check(&json, "what the skill requires", err) != 0 ||
	    digest_text(buffer_str(&json), ret->key, err) != 0)
		return -1;
	json_put_int(&json, "timeout_s", (request->timeout_ms + 999) / 1000);
	json_put_int(&json, "max_bytes", BUILD_ANSWER_MAX - (1 << 20)); /* the zip's own */
	json_close(&json, '}');
	buffer_appendf(&ret->text, "%zu\n", json.len);
	buffer_append_str(&ret->text, buffer_str(&json));
	return json.failed || ret->text.failed ? error_no_memory(err) : 0;
}

int build_input_read(const struct build_input_request *request, struct build_input *ret, struct error *err)
{
	struct gathering *g = calloc(1, sizeof(*g));
	if (!g)
		return error_no_memory(err);
	g->left = FILES_MAX_SIZE;
	struct archive_content content = {0};
	struct archive_limits limits = archive_limits_default;
	limits.max_compressed = BUNDLE_MAX_ZIP; /* it was judged when it was pushed */
	const struct archive_visitor visitor = {see_file, see_data, g};
	*ret = (struct build_input){.text = BUFFER(BUILD_INPUT_MAX + 32)};
	int status = archive_read_zip(request->zip_fd, &limits, &visitor, &content, err);
	qsort(g->candidates, g->count, sizeof(g->candidates[0]), compare_candidates);
	if (status == 0)
		status = choose(g, err);
	if (status == 0)
		status = write_input(request, g, ret, err);
	ret->file_bytes = policy_room_of((int64_t)content.count, content.total);
	archive_content_free(&content);
	for (size_t i = 0; i < g->count; i++) {
		free(g->candidates[i].path);
		buffer_free(&g->candidates[i].text);
	}
	free(g);
	if (status != 0)
		build_input_free(ret);
	return status;
}

void build_input_free(struct build_input *input)
{
	buffer_free(&input->text);
}
