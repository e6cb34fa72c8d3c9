/* The rules of section "archive rules" and the unpacking. */
#include "lib/skill/archive.h"

#include "lib/base/utf8.h"
#include "lib/skill/problems.h"
#include "lib/skill/unzip.h"
#include "lib/skill/zip_directory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PATH_MAX_BYTES 1024
#define PATH_MAX_COMPONENTS 32

#define FLAGS_ENCRYPTED 0x2041 /* encrypted, strongly encrypted, headers masked */
#define METHOD_STORE 0
#define METHOD_DEFLATE 8

const struct archive_limits archive_limits_default = {
    .max_compressed = INT64_C(50) << 20,
    .max_unpacked = INT64_C(200) << 20,
    .max_entries = 2000,
    .max_ratio = 200,
};

/* An entry under judgement, beside its zip_entry of the same index. */
struct candidate {
	struct str path; /* "./" in front and "/" behind taken away */
	const struct zip_entry *zip;
	bool folder, ignored;
};

static struct str last_component(struct str path)
{
	size_t start = path.n;
	while (start > 0 && path.p[start - 1] != '/')
		start--;
	return (struct str){path.p + start, path.n - start};
}

/* The file in which macOS keeps a folder's icon. */
static bool is_folder_icon(struct str name)
{
	return str_eq(last_component(name), STR("Icon\r"));
}

/* What is wrong with a name, or NULL. */
static const char *name_problem(struct str name, struct candidate *ret)
{
	if (name.n == 0 || name.n > PATH_MAX_BYTES)
		return "the name must have 1 to 1024 bytes";
	if (!utf8_is_valid(name, NULL))
		return "the name is not UTF-8 but in an old code page, such as CP437: give the file a name "
		       "of plain ASCII letters, or write the archive with UTF-8 names (zip -r of Info-ZIP 3, "
		       "7z a -mcu=on)";
	if (is_folder_icon(name))
		name.n--;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return "the name has a control character";
	if (memchr(name.p, '\\', name.n))
		return "the name has a backslash, but folders are separated by /: write the archive with "
		       "another program, such as zip -r, 7z a or python3 -m zipfile -c";
	if (name.p[0] == '/' || (name.n >= 2 && name.p[1] == ':'))
		return "the name is absolute, it must be relative to the skill's folder";
	ret->folder = name.p[name.n - 1] == '/';
	struct str rest = name;
	if (str_starts_with(rest, STR("./")))
		rest = (struct str){rest.p + 2, rest.n - 2};
	if (ret->folder && rest.n > 0)
		rest.n--;
	ret->path = rest;
	bool more = rest.n > 0;
	for (unsigned components = 0; more; components++) {
		struct str component;
		more = str_split_once(rest, '/', &component, &rest);
		if (str_eq(component, STR("..")))
			return "the name has a \"..\", it must stay in the skill's folder";
		if (component.n == 0 || str_eq(component, STR(".")))
			return "the name has an empty or \".\" component";
		if (components == PATH_MAX_COMPONENTS)
			return "the name has more than 32 components";
	}
	return NULL;
}

static const char *kind_problem(const struct candidate *c)
{
	const struct zip_entry *zip = c->zip;
	uint32_t type = zip->mode & S_IFMT;
	if (zip->flags & FLAGS_ENCRYPTED)
		return "it is encrypted: write the archive without a password";
	if (type == S_IFLNK)
		return "it is a symbolic link: put the file itself in its place";
	if (c->folder ? type != 0 && type != S_IFDIR : (type != 0 && type != S_IFREG) || zip->dos_folder)
		return "it is neither a regular file nor a folder";
	if (c->folder && zip->unpacked != 0)
		return "it is a folder with content";
	if (zip->method != METHOD_STORE && zip->method != METHOD_DEFLATE)
		return "its compression method is not supported: use deflate or store";
	return NULL;
}

/* Litter that macOS and Windows leave in archives: beside each file "._" and its name, with what the file
 * system keeps of it. */
static bool is_litter(struct str path)
{
	struct str component = {NULL, 0};
	for (bool more = path.n > 0; more;) {
		more = str_split_once(path, '/', &component, &path);
		if (str_eq(component, STR("__MACOSX")) || str_starts_with(component, STR("._")))
			return true;
	}
	return str_eq(component, STR(".DS_Store")) || str_eq_ignore_case(component, STR("Thumbs.db"));
}

bool archive_is_manifest(struct str path)
{
	return str_eq_ignore_case(path, STR("SKILL.md"));
}

static int compare_str(struct str a, struct str b)
{
	size_t shorter = a.n < b.n ? a.n : b.n;
	int order = shorter ? memcmp(a.p, b.p, shorter) : 0;
	return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int by_path(const void *left, const void *right)
{
	const struct candidate *const *a = left, *const *b = right;
	return compare_str((*a)->path, (*b)->path);
}

static const struct candidate *find_candidate(struct candidate *const *sorted, size_t count, struct str path)
{
	struct candidate key = {.path = path}, *key_pointer = &key;
	struct candidate *const *found =
	    bsearch(&key_pointer, sorted, count, sizeof(struct candidate *), by_path);
	return found ? *found : NULL;
}

/* The same name twice, or a file where another entry needs a folder. */
static void check_conflicts(struct candidate *const *sorted, size_t count, struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	for (size_t i = 0; i < count; i++) {
		struct str path = sorted[i]->path;
		if (i > 0 && str_eq(path, sorted[i - 1]->path)) {
			problems_add(problems, "archive entry \"%s\": the name is there twice",
				     problems_show(path, shown));
			continue;
		}
		for (size_t n = 1; n < path.n; n++) {
			if (path.p[n] != '/')
				continue;
			const struct candidate *parent =
			    find_candidate(sorted, count, (struct str){path.p, n});
			if (!parent || parent->folder)
				continue;
			problems_add(
			    problems,
			    "archive entry \"%s\": it is a file and also the folder of other entries",
			    problems_show(parent->path, shown));
			break;
		}
	}
}

static void check_sizes(const struct zip_directory *zip, int64_t packed, const struct archive_limits *limits,
			struct problems *problems)
{
	uint64_t total = 0, ratio_limit = (uint64_t)packed * limits->max_ratio;
	for (size_t i = 0; i < zip->count; i++)
		if (__builtin_add_overflow(total, zip->entries[i].unpacked, &total))
			total = UINT64_MAX;
	if (total > (uint64_t)limits->max_unpacked)
		problems_add(problems,
			     "the archive unpacks to %" PRIu64 " bytes, at most %" PRId64 " are allowed",
			     total, limits->max_unpacked);
	if (total > ratio_limit)
		problems_add(problems,
			     "the archive unpacks to more than %u times its size (%" PRIu64
			     " bytes from %" PRId64 "), which looks like a decompression bomb",
			     limits->max_ratio, total, packed);
}

/* A zip that is being read, and how. */
struct reading {
	int fd;
	int64_t size;
	const struct archive_limits *limits;
	const struct archive_visitor *visitor;
	bool is_plain; /* all files as they stand */
	struct problems *problems;
};

static int check_entries(const struct zip_directory *zip, const struct reading *reading,
			 struct candidate *candidates)
{
	struct problems *problems = reading->problems;
	cleanup_free struct candidate **sorted = calloc(zip->count + 1, sizeof(*sorted));
	size_t count = 0, before = problems->count;
	problems->no_memory |= !sorted;
	for (size_t i = 0; sorted && i < zip->count; i++) {
		struct candidate *c = &candidates[i];
		c->zip = &zip->entries[i];
		const char *why = name_problem(c->zip->name, c);
		if (!why && reading->is_plain && is_folder_icon(c->zip->name))
			why = "the name has a control character";
		if (!why)
			why = kind_problem(c);
		if (why) {
			char shown[PROBLEMS_SHOWN_SIZE];
			problems_add(problems, "archive entry \"%s\": %s", problems_show(c->zip->name, shown),
				     why);
			continue;
		}
		c->ignored = c->path.n == 0 ||
			     (!reading->is_plain && (is_litter(c->path) || is_folder_icon(c->zip->name)));
		sorted[count++] = c;
	}
	if (sorted) {
		qsort(sorted, count, sizeof(struct candidate *), by_path);
		check_conflicts(sorted, count, problems);
		check_sizes(zip, reading->size, reading->limits, problems);
	}
	return problems->count > before || problems->no_memory ? -1 : 0;
}

/* The only folder, when SKILL.md is in there and not at the root: it is taken away, and what is beside it (a
 * README, a .gitignore) is left out. Bytes of "folder/", or 0. */
static size_t find_wrapper(struct candidate *candidates, size_t count)
{
	struct str folder = {NULL, 0}, first, rest;
	bool wrapped = false;
	for (size_t i = 0; i < count; i++) {
		const struct candidate *c = &candidates[i];
		if (c->ignored)
			continue;
		bool inside = str_split_once(c->path, '/', &first, &rest);
		if (!inside && !c->folder) {
			if (archive_is_manifest(c->path))
				return 0;
			continue;
		}
		if (folder.p && !str_eq(first, folder))
			return 0;
		folder = first;
		wrapped |= inside && !c->folder && archive_is_manifest(rest);
	}
	for (size_t i = 0; wrapped && i < count; i++)
		candidates[i].ignored |= !memchr(candidates[i].path.p, '/', candidates[i].path.n);
	return wrapped ? folder.n + 1 : 0;
}

/* The size that an entry declares is within the limits; it is a maximum here, and nothing is allocated for
 * it. */
static int visit(struct unzip *unzip, const struct archive_entry *entry,
		 const struct archive_visitor *visitor, struct error *err)
{
	uint64_t size = 0;
	int skipped = visitor ? visitor->file(visitor->context, entry, err) : 0;
	if (skipped != 0)
		return skipped < 0 ? -1 : 0;
	if (unzip_read(unzip, entry->size, visitor ? visitor->data : NULL, visitor ? visitor->context : NULL,
		       &size, err) != 0)
		return -1;
	if (size != entry->size)
		return error_set(err, ERR_INVALID_SKILL, "it unpacks to fewer bytes than it says");
	return 0;
}

static int unpack_entry(struct unzip *unzip, const struct candidate *c, size_t strip,
			const struct archive_visitor *visitor, struct archive_content *content,
			struct error *err)
{
	uint32_t mode = c->zip->mode & 0777;
	struct archive_entry entry = {
	    .path = str_dup((struct str){c->path.p + strip, c->path.n - strip}),
	    .mode = mode ? mode : 0644,
	    .modified_s = c->zip->modified_s,
	    .size = (size_t)c->zip->unpacked,
	};
	if (!entry.path)
		return error_no_memory(err);
	content->entries[content->count++] = entry;
	content->total += (int64_t)entry.size;
	return visit(unzip, &entry, visitor, err);
}

static int unpack_all(struct unzip *unzip, const struct candidate *candidates, size_t count, size_t strip,
		      const struct archive_visitor *visitor, struct archive_content *content,
		      struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct candidate *c = &candidates[i];
		struct error why;
		if (unzip_next(unzip, &why) == 0 &&
		    (c->folder || c->ignored || unpack_entry(unzip, c, strip, visitor, content, &why) == 0))
			continue;
		if (why.code != ERR_INVALID_SKILL && why.code != ERR_TOO_LARGE)
			return error_set(err, why.code, "%s", why.message);
		char shown[PROBLEMS_SHOWN_SIZE];
		return error_set(err, ERR_INVALID_SKILL, "archive entry \"%s\": %s: write the archive again",
				 problems_show(c->zip->name, shown), why.message);
	}
	return 0;
}

static int compare_entries(const void *left, const void *right)
{
	const struct archive_entry *a = left, *b = right;
	return strcmp(a->path, b->path);
}

static int read_directory(const struct reading *reading, const struct zip_directory *zip,
			  struct archive_content *content, struct error *err)
{
	cleanup_free struct candidate *candidates = calloc(zip->count + 1, sizeof(*candidates));
	content->entries = calloc(zip->count + 1, sizeof(*content->entries));
	if (!candidates || !content->entries)
		return error_no_memory(err);
	if (check_entries(zip, reading, candidates) != 0)
		return -1;
	if (zip->count == 0)
		return 0;
	struct error why;
	struct unzip *unzip = unzip_open(reading->fd, reading->size, &why);
	if (!unzip)
		return error_set(err, why.code, "%s%s", why.code == ERR_INVALID_SKILL ? "the archive: " : "",
				 why.message);
	size_t strip = reading->is_plain ? 0 : find_wrapper(candidates, zip->count);
	int status = unpack_all(unzip, candidates, zip->count, strip, reading->visitor, content, err);
	unzip_close(unzip);
	archive_sort(content);
	return status;
}

static int examine(struct reading *reading, struct archive_content *ret, struct error *err)
{
	const struct archive_limits *limits = reading->limits;
	struct stat st;
	struct error why = {.code = ERR_NONE};
	struct zip_directory zip = {0};
	struct archive_content content = {0};
	if (fstat(reading->fd, &st) != 0)
		return error_errno(err, "size of the archive");
	if (st.st_size > limits->max_compressed)
		return error_set(err, ERR_TOO_LARGE,
				 "the archive has %" PRId64 " bytes; at most %" PRId64 " are allowed",
				 (int64_t)st.st_size, limits->max_compressed);
	reading->size = st.st_size;
	int status = zip_directory_read(reading->fd, st.st_size, limits->max_entries, &zip, &why);
	if (status == 0)
		status = read_directory(reading, &zip, &content, &why);
	zip_directory_free(&zip);
	if (status == 0) {
		*ret = content;
		return 0;
	}
	archive_content_free(&content);
	if (why.code == ERR_NONE || problems_add_error(reading->problems, &why))
		return -1;
	return error_set(err, why.code, "%s", why.message);
}

int archive_examine_zip(int fd, const struct archive_limits *limits, const struct archive_visitor *visitor,
			struct archive_content *ret, struct problems *problems, struct error *err)
{
	struct reading reading = {
	    .fd = fd, .limits = limits, .visitor = visitor, .is_plain = false, .problems = problems};
	return examine(&reading, ret, err);
}

int archive_examine_plain_zip(int fd, const struct archive_limits *limits,
			      const struct archive_visitor *visitor, struct archive_content *ret,
			      struct problems *problems, struct error *err)
{
	struct reading reading = {
	    .fd = fd, .limits = limits, .visitor = visitor, .is_plain = true, .problems = problems};
	return examine(&reading, ret, err);
}

int archive_read_zip(int fd, const struct archive_limits *limits, const struct archive_visitor *visitor,
		     struct archive_content *ret, struct error *err)
{
	cleanup_problems struct problems problems = PROBLEMS;
	int status = archive_examine_zip(fd, limits, visitor, ret, &problems, err);
	if (status != 0)
		problems_error(&problems, err); /* none: err is set already */
	return status;
}

void archive_sort(struct archive_content *content)
{
	qsort(content->entries, content->count, sizeof(*content->entries), compare_entries);
}

void archive_check_names(const struct archive_content *content, struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	for (size_t i = 0; i < content->count; i++) {
		struct str path = str_of(content->entries[i].path);
		struct candidate c;
		const char *why = name_problem(path, &c);
		if (!why && (c.folder || !str_eq(c.path, path)))
			why = "it is no path of a file, such as scripts/main.py";
		for (size_t n = 1; !why && n < path.n; n++)
			if (path.p[n] == '/' && archive_find(content, (struct str){path.p, n}))
				why = "a part of its path is a file, too";
		if (why)
			problems_add(problems, "file \"%s\": %s", problems_show(path, shown), why);
	}
}

void archive_content_free(struct archive_content *content)
{
	for (size_t i = 0; i < content->count; i++) {
		free(content->entries[i].path);
		free(content->entries[i].data);
	}
	free(content->entries);
	*content = (struct archive_content){0};
}

const struct archive_entry *archive_find(const struct archive_content *content, struct str path)
{
	size_t low = 0, high = content->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct archive_entry *entry = &content->entries[middle];
		int order = compare_str(path, str_of(entry->path));
		if (order == 0)
			return entry;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
