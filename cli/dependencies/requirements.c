#include "cli/dependencies/requirements.h"

#include "cli/files/sha256.h"
#include "cli/files/whole_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define DEPTH_MAX 16
#define WORDS_MAX 64

static int read_file(struct requirements *r, const char *folder, const char *name, bool is_constraint,
		     int depth, struct error *err);

/* The words of a line, without quotes and escapes, as a shell has them (pip: shlex). */
struct words {
	struct buffer text; /* each ends with NUL */
	size_t starts[WORDS_MAX], count;
};

static const char *word(const struct words *words, size_t i)
{
	return i < words->count ? words->text.data + words->starts[i] : NULL;
}

static void split(struct str line, struct words *words)
{
	char quote = 0;
	bool in_word = false;
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];
		bool is_blank = !quote && (c == ' ' || c == '\t');
		if (is_blank && in_word)
			buffer_append_byte(&words->text, 0);
		in_word = in_word && !is_blank;
		if (is_blank || (!in_word && words->count == WORDS_MAX))
			continue;
		if (!in_word)
			words->starts[words->count++] = words->text.len;
		in_word = true;
		if (quote == c)
			quote = 0;
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else
			buffer_append_byte(&words->text, c);
	}
	buffer_append_byte(&words->text, 0);
}

/* The value of an option that has this long or short name: in the same word, or the next one. */
static const char *value_of(const struct words *words, size_t *i, const char *longer, const char *shorter)
{
	const char *text = word(words, *i); /* NULL: an option stood last, without its value; pip says so */
	size_t n = strlen(longer), m = strlen(shorter);
	if (!text)
		return NULL;
	if (strcmp(text, longer) == 0 || strcmp(text, shorter) == 0)
		return word(words, ++*i);
	if (strncmp(text, longer, n) == 0 && text[n] == '=')
		return text + n + 1;
	return strncmp(text, shorter, m) == 0 && text[1] != '-' ? text + m : NULL;
}

static bool is_url(const char *text)
{
	return strstr(text, "://") || strncmp(text, "file:", 5) == 0;
}

/* A path that stands in the file `from`: relative to that. */
static void put_path(struct buffer *out, const char *from, const char *path)
{
	const char *slash = strrchr(from, '/');
	if (slash && path[0] != '/' && !is_url(path))
		buffer_append(out, from, (size_t)(slash - from) + 1);
	buffer_append_c(out, path);
}

static void put_word(struct buffer *out, const char *text)
{
	bool has_blank = strchr(text, ' ') != NULL;
	buffer_appendf(out, has_blank ? "\"%s\"" : "%s", text);
}

/* An option that is no -r and no -c, for the lock. */
static void put_option(struct buffer *out, const char *from, const struct words *words, size_t *i)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	const char *text = word(words, *i), *value = value_of(words, i, "--find-links", "-f");
	buffer_append_c(out, out->len > 0 ? " " : "");
	if (value) {
		put_path(&path, from, value);
		buffer_append_c(out, "--find-links ");
		put_word(out, path.data ? path.data : "");
	} else {
		put_word(out, text);
	}
}

static int read_options(struct requirements *r, const char *folder, const char *from,
			const struct words *words, bool is_constraint, int depth, struct error *err)
{
	cleanup_buffer struct buffer others = BUFFER(REQUIREMENTS_MAX);
	for (size_t i = 0; i < words->count; i++) {
		cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
		const char *value = value_of(words, &i, "--requirement", "-r");
		bool is_limit = is_constraint;
		if (!value && (value = value_of(words, &i, "--constraint", "-c")))
			is_limit = true;
		if (i >= words->count)
			break;
		if (!value) {
			put_option(&others, from, words, &i);
			continue;
		}
		put_path(&path, from, value);
		if (buffer_check(&path, "a path", err) != 0 ||
		    read_file(r, folder, path.data, is_limit, depth + 1, err) != 0)
			return -1;
	}
	if (others.len > 0)
		buffer_appendf(&r->options, "%s\n", others.data);
	return buffer_check(&others, from, err);
}

/* "NAME @ URL", a URL or a path of a wheel; what else a requirement says is in what pip makes of it. */
static void note_url(struct requirements *r, const struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *text = word(words, i), *at = strchr(text, '@');
		bool is_end = str_ends_with(str_of(text), STR(";"));
		if (!strstr(text, ".whl") && is_end)
			return;
		if (!strstr(text, ".whl"))
			continue;
		if (at && !memchr(text, '/', (size_t)(at - text)))
			text = at + 1;
		buffer_appendf(&r->urls, "%s\n", text);
		return;
	}
}

static int read_line(struct requirements *r, const char *folder, const char *from, struct str line,
		     bool is_constraint, int depth, struct error *err)
{
	struct words words = {.text = BUFFER(REQUIREMENTS_MAX)};
	int status = 0;
	split(line, &words);
	if (buffer_check(&words.text, from, err) != 0) {
		status = -1;
	} else if (words.count > 0) {
		const char *first = word(&words, 0);
		bool is_editable = strncmp(first, "-e", 2) == 0 || strncmp(first, "--editable", 10) == 0;
		if (first[0] == '-' && !is_editable) {
			status = read_options(r, folder, from, &words, is_constraint, depth, err);
		} else if (!is_constraint) {
			r->count++;
			note_url(r, &words);
		}
	}
	buffer_free(&words.text);
	return status;
}

/* Without its comment: '#' at the beginning, or behind a blank. */
static struct str without_comment(struct str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return str_trim((struct str){line.p, i});
	return str_trim(line);
}

static int read_lines(struct requirements *r, const char *folder, const char *from, struct str text,
		      bool is_constraint, int depth, struct error *err)
{
	cleanup_buffer struct buffer whole = BUFFER(REQUIREMENTS_MAX);
	if (str_starts_with(text, STR("\xef\xbb\xbf")))
		text = (struct str){text.p + 3, text.n - 3};
	while (text.n > 0) {
		struct str line;
		str_split_once(text, '\n', &line, &text);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		bool goes_on = line.n > 0 && line.p[line.n - 1] == '\\' && line.p[0] != '#';
		line.n -= goes_on;
		buffer_append_str(&whole, line);
		if (goes_on && text.n > 0)
			continue;
		if (buffer_check(&whole, from, err) != 0 ||
		    read_line(r, folder, from, without_comment(buffer_str(&whole)), is_constraint, depth,
			      err) != 0)
			return -1;
		buffer_reset(&whole);
	}
	return 0;
}

static int open_file(const char *folder, const char *name, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	if (name[0] != '/')
		buffer_appendf(&path, "%s/", folder);
	buffer_append_c(&path, name);
	if (buffer_check(&path, "a path", err) != 0)
		return -1;
	int fd = open(path.data, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : error_errno(err, "can't read %s", path.data);
}

/* Was it read before, by whatever name? It is noted. */
static bool is_known(struct requirements *r, int fd)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return false;
	for (size_t i = 0; i < r->file_count; i++)
		if (r->seen[i].device == status.st_dev && r->seen[i].inode == status.st_ino)
			return true;
	r->seen[r->file_count].device = status.st_dev;
	r->seen[r->file_count].inode = status.st_ino;
	r->file_count++;
	return false;
}

static int read_file(struct requirements *r, const char *folder, const char *name, bool is_constraint,
		     int depth, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(REQUIREMENTS_MAX);
	char hex[SHA256_HEX_SIZE];
	if (is_url(name)) { /* its bytes are pip's to fetch */
		buffer_appendf(&r->files, "# %s\n", name);
		return buffer_check(&r->files, "the files of requirements", err);
	}
	if (depth > DEPTH_MAX || r->file_count == REQUIREMENTS_FILES)
		return error_set(err, ERR_TOO_LARGE,
				 "%s: more than %d files include one another, or more than %d deep", name,
				 REQUIREMENTS_FILES, DEPTH_MAX);
	cleanup_close int fd = open_file(folder, name, err);
	if (fd < 0)
		return -1;
	if (is_known(r, fd))
		return 0;
	if (whole_file_read(fd, name, &text, err) != 0)
		return -1;
	sha256_hex(buffer_str(&text), hex);
	buffer_appendf(&r->files, "# sha256:%s  %s\n", hex, name);
	if (read_lines(r, folder, name, buffer_str(&text), is_constraint, depth, err) != 0 ||
	    buffer_check(&r->files, name, err) != 0 || buffer_check(&r->urls, name, err) != 0)
		return -1;
	return buffer_check(&r->options, name, err);
}

int requirements_read(const char *folder, struct requirements *ret, struct error *err)
{
	return read_file(ret, folder, REQUIREMENTS_NAME, false, 0, err);
}

void requirements_free(struct requirements *requirements)
{
	buffer_free(&requirements->files);
	buffer_free(&requirements->options);
	buffer_free(&requirements->urls);
	*requirements = REQUIREMENTS;
}
