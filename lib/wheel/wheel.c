#include "lib/wheel/wheel.h"

#include "lib/base/buffer.h"
#include "lib/wheel/record.h"
#include "lib/wheel/version.h"

#include <inttypes.h>
#include <stdlib.h>

#define WHEEL_MAX_BYTES ((size_t)64 * 1024)
#define METADATA_MAX_BYTES                                                                                   \
	((size_t)256 * 1024) /* its header fields come first; behind them is a long text                     \
			      */
#define RECORD_MAX_BYTES ((size_t)8 << 20)

/* Texts of the dist-info folder that are kept. */
enum { TEXT_WHEEL, TEXT_METADATA, TEXT_RECORD, TEXT_COUNT };
static const char *const text_names[] = {"WHEEL", "METADATA", "RECORD"};

struct text {
	struct buffer bytes;
	bool is_there, is_cut;
};

struct reading {
	const struct wheel_name *name;
	const struct wheel_visitor *visitor;
	struct problems *problems;
	struct wheel_summary *summary;
	struct archive_content content;
	struct text texts[TEXT_COUNT];
	struct text *open; /* the one whose bytes come; NULL: none */
	/* of content, by index */
	struct record_line *lines;
	/* the file whose bytes come */
	struct record_hash *hash;
	size_t at;
	uint64_t got;
	bool is_wanted;
};

/* ---- folders */

/* Is it this wheel's NAME-VERSION and suffix? Old tools write both in other ways than in the file's name. */
static bool is_own_folder(const struct wheel_name *wheel, struct str folder, struct str suffix)
{
	if (!str_ends_with(folder, suffix))
		return false;
	folder.n -= suffix.n;
	size_t dash = folder.n;
	while (dash > 0 && folder.p[dash - 1] != '-')
		dash--;
	return dash > 0 && wheel_project_compare((struct str){folder.p, dash - 1}, wheel->name) == 0 &&
	       wheel_version_matches(wheel->version, (struct str){folder.p + dash, folder.n - dash});
}

#define INFO STR(".dist-info")
#define DATA STR(".data")

enum place { PLACE_PACKAGES, PLACE_LEFT_OUT, PLACE_NOWHERE };

/* Where a file goes. *ret_path: there, a part of `path`. *ret_why: what is wrong, PLACE_NOWHERE only. */
static enum place place_of(const struct wheel_name *wheel, const char *path, const char **ret_path,
			   const char **ret_why)
{
	static const char *const left_out[] = {"scripts", "headers", "data"};
	struct str folder, rest, scheme;
	*ret_path = path;
	if (!str_split_once(str_of(path), '/', &folder, &rest) || !str_ends_with(folder, DATA))
		return PLACE_PACKAGES;
	*ret_why = "the folder is that of another wheel: only its own NAME-VERSION.data may be there";
	if (!is_own_folder(wheel, folder, DATA))
		return PLACE_NOWHERE;
	*ret_why = "a wheel's .data folder has purelib, platlib, scripts, headers and data, and nothing else";
	if (!str_split_once(rest, '/', &scheme, &rest))
		return PLACE_NOWHERE;
	if (str_eq(scheme, STR("purelib")) || str_eq(scheme, STR("platlib"))) {
		*ret_path = rest.p;
		return PLACE_PACKAGES;
	}
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (str_eq(scheme, str_of(left_out[i])))
			return PLACE_LEFT_OUT;
	return PLACE_NOWHERE;
}

static bool is_path_file(const char *path)
{
	struct str p = str_of(path), suffix = STR(".pth");
	return !strchr(path, '/') && p.n >= suffix.n &&
	       str_eq_ignore_case((struct str){p.p + p.n - suffix.n, suffix.n}, suffix);
}

static void check_place(struct reading *r, const char *path)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	const char *target, *why;
	enum place place = place_of(r->name, path, &target, &why);
	problems_show(str_of(path), shown);
	if (place == PLACE_NOWHERE)
		problems_add(r->problems, "\"%s\": %s", shown, why);
	else if (place == PLACE_LEFT_OUT && r->summary->left_out++ == 0)
		memcpy(r->summary->example, shown, sizeof(shown));
	else if (place == PLACE_PACKAGES && is_path_file(target))
		problems_add(
		    r->problems,
		    "\"%s\": Python runs what is in a .pth file at every start, where it is installed; here "
		    "packages are on sys.path, where no .pth file is read, so the package would not work as "
		    "it means to: take a version without it, or an image that has the package",
		    shown);
}

/* The folder of the metadata must be there once. Entries are in order, so those of one folder follow each
 * other. */
static void check_folders(struct reading *r)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	struct str last = {NULL, 0}, own = {NULL, 0}, folder, rest;
	for (size_t i = 0; i < r->content.count; i++) {
		const char *path = r->content.entries[i].path;
		check_place(r, path);
		if (!str_split_once(str_of(path), '/', &folder, &rest) || !str_ends_with(folder, INFO) ||
		    str_eq(folder, last))
			continue;
		last = folder;
		if (!own.p && is_own_folder(r->name, folder, INFO))
			own = folder;
		else
			problems_add(
			    r->problems,
			    "\"%s\": a wheel has one .dist-info folder, with the name and the version of "
			    "its file's name",
			    problems_show(folder, shown));
	}
	if (!last.p)
		problems_add(r->problems, "it is no wheel, there is no folder %.*s.dist-info",
			     (int)(r->name->version.p + r->name->version.n - r->name->file.p),
			     r->name->file.p);
}

/* ---- first reading: the metadata */

static int meta_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct reading *r = context;
	struct str folder, rest;
	(void)err;
	r->open = NULL;
	if (!str_split_once(str_of(entry->path), '/', &folder, &rest) ||
	    !is_own_folder(r->name, folder, INFO))
		return 1;
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (str_eq(rest, str_of(text_names[i])))
			r->open = &r->texts[i];
	if (!r->open || r->open->is_there)
		return 1;
	r->open->is_there = true;
	return 0;
}

static int meta_data(void *context, struct str piece, struct error *err)
{
	struct reading *r = context;
	struct buffer *bytes = &r->open->bytes;
	size_t room = bytes->max - bytes->len;
	r->open->is_cut |= piece.n > room;
	if (buffer_append(bytes, piece.p, piece.n < room ? piece.n : room) != 0)
		return error_no_memory(err);
	return 0;
}

/* A field of the header of WHEEL or METADATA, "KEY: value"; the first of that key. */
static struct str find_header(const struct buffer *text, struct str key)
{
	struct str rest = buffer_str(text), line, name, value;
	for (bool more = true; more;) {
		more = str_split_once(rest, '\n', &line, &rest);
		if (str_trim(line).n == 0)
			break;
		if (str_split_once(line, ':', &name, &value) && str_eq_ignore_case(name, key))
			return str_trim(value);
	}
	return (struct str){NULL, 0};
}

static void check_texts(struct reading *r)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (!r->texts[i].is_there)
			problems_add(r->problems, "its .dist-info folder has no file %s", text_names[i]);
	if (r->texts[TEXT_RECORD].is_cut)
		problems_add(r->problems, "RECORD has more than %zu bytes", RECORD_MAX_BYTES);
	struct str version = find_header(&r->texts[TEXT_WHEEL].bytes, STR("Wheel-Version"));
	struct str name = find_header(&r->texts[TEXT_METADATA].bytes, STR("Name"));
	struct str release = find_header(&r->texts[TEXT_METADATA].bytes, STR("Version"));
	if (r->texts[TEXT_WHEEL].is_there && !str_starts_with(version, STR("1.")))
		problems_add(r->problems, "WHEEL has Wheel-Version \"%s\", it must be 1.x",
			     problems_show(version, shown));
	if (!r->texts[TEXT_METADATA].is_there)
		return;
	if (wheel_project_compare(name, r->name->name) != 0)
		problems_add(r->problems, "METADATA has the name \"%s\", another than the file's name",
			     problems_show(name, shown));
	if (!wheel_version_matches(r->name->version, release))
		problems_add(r->problems, "METADATA has the version \"%s\", another than the file's name",
			     problems_show(release, shown));
}

/* ---- RECORD */

/* RECORD can't have its own hash, and signatures of it come later. */
static bool is_unhashed(const struct reading *r, const char *path)
{
	struct str folder, rest;
	return str_split_once(str_of(path), '/', &folder, &rest) && is_own_folder(r->name, folder, INFO) &&
	       (str_eq(rest, STR("RECORD")) || str_eq(rest, STR("RECORD.jws")) ||
		str_eq(rest, STR("RECORD.p7s")));
}

static void check_line(struct reading *r, const struct record_line *line)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	const struct archive_entry *entry = archive_find(&r->content, line->path);
	problems_show(line->path, shown);
	if (!entry) {
		problems_add(r->problems, "RECORD lists \"%s\", which the wheel doesn't have", shown);
		return;
	}
	struct record_line *have = &r->lines[entry - r->content.entries];
	if (is_unhashed(r, entry->path))
		return;
	if (line->hash.n == 0)
		problems_add(r->problems, "RECORD has no hash of \"%s\"", shown);
	else if (line->has_size && line->size != (int64_t)entry->size)
		problems_add(r->problems,
			     "\"%s\" has %zu bytes, RECORD says %" PRId64
			     ": the wheel was changed or is damaged, bring it again",
			     shown, entry->size, line->size);
	else if (have->hash.n > 0 && !str_eq(have->hash, line->hash))
		problems_add(r->problems, "RECORD lists \"%s\" twice, with two hashes", shown);
	*have = *line;
}

static void check_record(struct reading *r)
{
	struct str text = buffer_str(&r->texts[TEXT_RECORD].bytes);
	struct record_line line;
	struct error why;
	int status;
	while ((status = record_next(&text, &line, &why)) > 0)
		check_line(r, &line);
	if (status < 0) {
		problems_add(r->problems, "RECORD: %s", why.message);
		return;
	}
	for (size_t i = 0; i < r->content.count; i++) {
		char shown[PROBLEMS_SHOWN_SIZE];
		const char *path = r->content.entries[i].path;
		if (!r->lines[i].path.p && !is_unhashed(r, path))
			problems_add(
			    r->problems,
			    "\"%s\" is not listed in RECORD: the wheel was changed, bring it as it was "
			    "published",
			    problems_show(str_of(path), shown));
	}
}

/* ---- second reading: the files */

static int finish_file(struct reading *r, struct error *err)
{
	const struct archive_entry *entry = &r->content.entries[r->at];
	struct str expected = r->lines[r->at].hash, algorithm, digest;
	bool is_same = true;
	if (expected.n == 0 || r->got != entry->size)
		return 0;
	if (record_hash_matches(r->hash, expected, &is_same, err) != 0)
		return -1;
	if (is_same)
		return 0;
	char shown[PROBLEMS_SHOWN_SIZE];
	str_split_once(expected, '=', &algorithm, &digest);
	problems_add(r->problems,
		     "\"%s\" is not the file of RECORD, its %.*s differs: the wheel was changed or is "
		     "damaged, bring it "
		     "again",
		     problems_show(str_of(entry->path), shown), (int)algorithm.n, algorithm.p);
	return 0;
}

static int tell_visitor(struct reading *r, const struct archive_entry *entry, struct error *err)
{
	struct archive_entry placed = *entry;
	const char *target, *why;
	r->is_wanted = false;
	if (!r->visitor || place_of(r->name, entry->path, &target, &why) != PLACE_PACKAGES)
		return 0;
	placed.path = (char *)target;
	placed.mode = entry->mode & 0111 ? 0755 : 0644;
	int answer = r->visitor->file(r->visitor->context, &placed, r->lines[r->at].hash, err);
	r->is_wanted = answer == 0;
	return answer < 0 ? -1 : 0;
}

static int unpack_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct reading *r = context;
	const struct archive_entry *known = archive_find(&r->content, str_of(entry->path));
	if (!known)
		return error_set(err, ERR_INTERNAL, "a wheel changed while it was read");
	r->at = (size_t)(known - r->content.entries);
	r->got = 0;
	struct str expected = r->lines[r->at].hash;
	if ((expected.n > 0 && record_hash_begin(r->hash, expected, err) != 0) ||
	    tell_visitor(r, entry, err) != 0)
		return -1;
	return finish_file(r, err); /* an empty file has no data */
}

static int unpack_data(void *context, struct str piece, struct error *err)
{
	struct reading *r = context;
	if (piece.n == 0)
		return 0;
	r->got += piece.n;
	if (r->lines[r->at].hash.n > 0 && record_hash_update(r->hash, piece, err) != 0)
		return -1;
	if (r->is_wanted && r->visitor->data(r->visitor->context, piece, err) != 0)
		return -1;
	return finish_file(r, err);
}

static int read_wheel(int fd, const struct archive_limits *limits, struct reading *r, struct error *err)
{
	struct archive_visitor meta = {meta_file, meta_data, r}, unpack = {unpack_file, unpack_data, r};
	struct archive_content again = {0};
	size_t before = r->problems->count;
	if (archive_examine_plain_zip(fd, limits, &meta, &r->content, r->problems, err) != 0)
		return -1;
	r->lines = calloc(r->content.count + 1, sizeof(*r->lines));
	r->hash = record_hash_new(err);
	if (!r->lines || !r->hash)
		return error_no_memory(err);
	check_folders(r);
	if (r->problems->count == before)
		check_texts(r);
	if (r->problems->count == before)
		check_record(r);
	if (r->problems->count > before ||
	    archive_examine_plain_zip(fd, limits, &unpack, &again, r->problems, err) != 0)
		return -1;
	archive_content_free(&again);
	return r->problems->count > before ? -1 : 0;
}

int wheel_read(int fd, const struct wheel_name *name, const struct archive_limits *limits,
	       const struct wheel_visitor *visitor, struct wheel_summary *ret, struct problems *problems,
	       struct error *err)
{
	struct wheel_summary summary = {0};
	struct reading reading = {
	    .name = name,
	    .visitor = visitor,
	    .problems = problems,
	    .summary = &summary,
	    .texts = {{.bytes = BUFFER(WHEEL_MAX_BYTES)},
		      {.bytes = BUFFER(METADATA_MAX_BYTES)},
		      {.bytes = BUFFER(RECORD_MAX_BYTES)}},
	};
	int status = read_wheel(fd, limits, &reading, err);
	for (size_t i = 0; i < TEXT_COUNT; i++)
		buffer_free(&reading.texts[i].bytes);
	record_hash_free(reading.hash);
	free(reading.lines);
	archive_content_free(&reading.content);
	if (status == 0)
		*ret = summary;
	return problems->no_memory ? error_no_memory(err) : status;
}
