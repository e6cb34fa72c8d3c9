#include "cli/dependencies/pip_failure.h"

#include "cli/files/whole_file.h"
#include "lib/base/utf8.h"
#include "lib/wheel/name.h"

#include <fcntl.h>
#include <stdio.h>

#define LOG_MAX ((size_t)64 << 20)
#define NAME_MAX_BYTES 255
#define LINES_SHOWN 12

/* Where `part` is in s: what stands behind it. */
static bool find(struct str s, const char *part, struct str *ret_rest)
{
	size_t n = strlen(part);
	for (size_t i = 0; i + n <= s.n; i++) {
		const char *at = memchr(s.p + i, part[0], s.n - i);
		if (!at)
			return false;
		i = (size_t)(at - s.p);
		if (i + n <= s.n && memcmp(at, part, n) == 0) {
			*ret_rest = (struct str){at + n, s.n - i - n};
			return true;
		}
	}
	return false;
}

static bool has(struct str s, const char *part)
{
	struct str rest;
	return find(s, part, &rest);
}

static struct str line_of(struct str s)
{
	struct str line, rest;
	str_split_once(s, '\n', &line, &rest);
	return str_trim(line);
}

/* "numpy" of "numpy[extra]<2 (from …)" */
static struct str name_of(struct str requirement)
{
	size_t n = 0;
	while (n < requirement.n &&
	       (requirement.p[n] == '-' || requirement.p[n] == '_' || requirement.p[n] == '.' ||
		(requirement.p[n] | 0x20) >= 'a' || (requirement.p[n] >= '0' && requirement.p[n] <= '9')))
		n++;
	return (struct str){requirement.p, n < NAME_MAX_BYTES ? n : NAME_MAX_BYTES};
}

/* What the index has of a name, by the links that pip's log says were passed over. */
struct offers {
	size_t sources, wheels;
};

static void count_link(struct str line, struct str wanted, struct offers *offers)
{
	struct str url, file, rest;
	char name[WHEEL_NAME_MAX + 1];
	if (!find(line, "://", &rest))
		return;
	str_split_once(rest, ' ', &url, &rest);
	str_split_once(url, '#', &file, &rest);
	for (size_t i = file.n; i > 0; i--)
		if (file.p[i - 1] == '/') {
			file = (struct str){file.p + i, file.n - i};
			break;
		}
	if (file.n > WHEEL_NAME_MAX)
		return;
	wheel_project_normalise(file, name);
	struct str normal = str_of(name);
	if (!str_starts_with(normal, wanted) || normal.n == wanted.n || normal.p[wanted.n] != '-')
		return; /* another project's: a folder of links has them all */
	if (str_ends_with(file, STR(".whl")))
		offers->wheels++;
	else
		offers->sources++;
}

static struct offers count_offers(struct str log, struct str name)
{
	struct offers offers = {0, 0};
	char wanted[NAME_MAX_BYTES + 1];
	wheel_project_normalise(name, wanted);
	for (struct str rest = log, line; rest.n > 0;) {
		str_split_once(rest, '\n', &line, &rest);
		if (has(line, "Skipping link: "))
			count_link(line, str_of(wanted), &offers);
	}
	return offers;
}

static bool is_network(struct str text)
{
	static const char *const signs[] = {"NewConnectionError", "ConnectTimeoutError",
					    "ReadTimeoutError",   "NameResolutionError",
					    "ProtocolError",      "ProxyError",
					    "SSLError",           "Temporary failure in name resolution",
					    "connection error: "};
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (has(text, signs[i]))
			return true;
	return false;
}

#define WAYS                                                                                                 \
	"; build a wheel of it (pip wheel) and put all wheels into wheels/, use an image that has it, or "   \
	"take another version"

static void explain_missing(const char *target, struct str requirement, struct str output, struct str log,
			    struct error *err)
{
	struct str name = name_of(requirement);
	struct offers offers = count_offers(log, name);
	int n = (int)name.n;
	/* pip before 21 leaves the list empty. */
	if (!has(output, "(from versions: none)") && !has(output, "(from versions: )"))
		error_set(err, ERR_NOT_FOUND,
			  "no version of '%.*s' that has a wheel for %s is one that is asked for: '%.*s'", n,
			  name.p, target, (int)(requirement.n < 200 ? requirement.n : 200), requirement.p);
	else if (offers.wheels > 0)
		error_set(err, ERR_NOT_FOUND,
			  "no wheel of '%.*s' fits %s: the index has wheels for others%s" WAYS, n, name.p,
			  target, offers.sources > 0 ? ", and its source" : "");
	else if (offers.sources > 0)
		error_set(err, ERR_NOT_FOUND,
			  "'%.*s' is there as a source distribution only, and nothing is built here" WAYS, n,
			  name.p);
	else
		error_set(
		    err, ERR_NOT_FOUND,
		    "there is no '%.*s' in the indexes that pip asked: is the name right, and is its index "
		    "given (--index-url or --extra-index-url in requirements.txt, pip.conf, PIP_INDEX_URL)?",
		    n, name.p);
}

void pip_explain(const char *target, const char *requirements, struct str output, struct str log,
		 struct error *err)
{
	struct str rest;
	if (has(output, "DO NOT MATCH THE HASHES"))
		error_set(err, ERR_CONFLICT,
			  "a package is not what %s says: its hash differs. Find out why; --relock makes the "
			  "lock anew, of what the index has now",
			  requirements);
	else if (is_network(output) || is_network(log))
		error_set(
		    err, ERR_UNAVAILABLE,
		    "pip can't reach an index: is there a network, and are the index's URL and proxy right? "
		    "Without one, bring the wheels yourself as wheels/*.whl");
	else if (find(output, "No matching distribution found for ", &rest))
		explain_missing(target, line_of(rest), output, log, err);
	else if (has(output, "ResolutionImpossible"))
		error_set(err, ERR_CONFLICT,
			  "the requirements contradict one another, as pip says above: loosen one of them");
	else if (has(output, "require-hashes") || has(output, "Hashes are required"))
		error_set(err, ERR_BAD_REQUEST,
			  "%s needs a hash of every requirement (--hash=sha256:…), as pip says above",
			  requirements);
	else if (has(output, "No module named pip"))
		error_set(err, ERR_NOT_FOUND, "pip is damaged: it can't be started");
	else
		error_set(err, ERR_BAD_REQUEST, "pip can't download what %s asks for, as it says above",
			  requirements);
}

/* The last lines, from the first that tells of an error on. */
static void print_last(struct str output)
{
	struct str lines[LINES_SHOWN], line;
	size_t count = 0;
	for (bool has_begun = false; output.n > 0;) {
		str_split_once(output, '\n', &line, &output);
		has_begun = has_begun || has(line, "ERROR") || has(line, "Error") || has(line, "error:");
		if (!has_begun || str_trim(line).n == 0)
			continue;
		if (count == LINES_SHOWN) {
			memmove(lines, lines + 1, (LINES_SHOWN - 1) * sizeof(lines[0]));
			count--;
		}
		lines[count++] = line;
	}
	for (size_t i = 0; i < count; i++) {
		cleanup_buffer struct buffer clean = BUFFER(16384);
		utf8_append_clean(&clean, utf8_cut(lines[i], 2000));
		fprintf(stderr, "  pip: %s\n", clean.data ? clean.data : "");
	}
}

int pip_failure(const struct pip_download *download, struct str output, struct error *err)
{
	char target[WHEEL_TARGET_SIZE];
	cleanup_buffer struct buffer log = BUFFER(LOG_MAX);
	cleanup_close int fd = open(download->log, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && whole_file_read(fd, download->log, &log, NULL) != 0)
		buffer_free(&log); /* it is there to say more than the output does */
	if (!download->is_quiet)
		print_last(output);
	wheel_target_format(download->target, target);
	pip_explain(target, download->requirements, output, buffer_str(&log), err);
	return -1;
}
