#include "cli/dependencies/gather_internal.h"
#include "cli/dependencies/images.h"
#include "cli/dependencies/process.h"
#include "cli/dependencies/target.h"
#include "cli/files/whole_file.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"
#include "lib/skill/archive.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PACKAGE "package.json"
#define FILE_MAX ((size_t)64 << 20)
#define NPM_TEXT 64
#define LINES_SHOWN 12
#define NPM_MAJOR 10
#define NPM_MINOR 5

/* The files that npm reads; the first two are locks, in the order in which npm looks for them. */
static const char *const locks[] = {"npm-shrinkwrap.json", "package-lock.json"};

/* Links to programs, which an archive can't have, and npm's note of what it did. */
static const char *const left_out[] = {".bin", ".package-lock.json", NULL};

/* For which platform, by Node.js's names. */
struct platform {
	char cpu[NPM_TEXT];
	const char *libc;
};

static const char *lock_of(const struct folder *folder)
{
	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
		if (folder_has(folder, locks[i]))
			return locks[i];
	return NULL;
}

/* Does package.json ask for anything? Where it can't be read, npm says what is wrong. */
static bool asks_for_packages(const struct folder *folder)
{
	static const char *const keys[] = {"dependencies", "optionalDependencies"};
	cleanup_buffer struct buffer text = BUFFER(FILE_MAX);
	struct str member, key, value;
	if (folder_read_file(folder, PACKAGE, &text, NULL) != 0 ||
	    jsontext_check(buffer_str(&text), NULL, NULL) != 0)
		return true;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t position = 0;
		if (jsontext_kind_of(buffer_str(&text)) == JSONTEXT_OBJECT &&
		    jsontext_member(buffer_str(&text), str_of(keys[i]), &member) &&
		    (jsontext_kind_of(member) != JSONTEXT_OBJECT ||
		     jsontext_next_member(member, &position, &key, &value)))
			return true;
	}
	return false;
}

/* Node.js calls machines by names of its own. */
static void find_cpu(const char *machine, char *ret, size_t size)
{
	static const struct {
		const char *machine, *cpu;
	} names[] = {{"x86_64", "x64"},
		     {"aarch64", "arm64"},
		     {"armv7l", "arm"},
		     {"i686", "ia32"},
		     {"ppc64le", "ppc64"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(machine, names[i].machine) == 0)
			machine = names[i].cpu;
	snprintf(ret, size, "%s", machine);
}

static int find_platform(struct gathering *gathering, struct platform *ret, struct error *err)
{
	char machine[WHEEL_MACHINE_SIZE] = "", here[GATHER_HERE_SIZE];
	struct str cpu, libc;
	if (gathering->gather->here) {
		if (gathering->gather->here("node", here, err) != 0)
			return -1;
		str_split_once(str_of(here), ' ', &cpu, &libc);
		snprintf(ret->cpu, sizeof(ret->cpu), "%.*s", (int)cpu.n, cpu.p);
		ret->libc = str_eq(libc, STR("musl")) ? "musl" : "glibc";
		return 0;
	}
	/* The server's machines: this one's, unless it says otherwise. */
	if (gathering->gather->http) {
		int status = gathering_ask(gathering, "", err);
		if (status != 0)
			return status;
		if (gathering->images.len > 0)
			images_machine(buffer_str(&gathering->images), machine, sizeof(machine));
	}
	if (!machine[0] && target_machine(machine, err) != 0)
		return -1;
	find_cpu(machine, ret->cpu, sizeof(ret->cpu));
	ret->libc = strstr(gathering->image, "alpine") ? "musl" : "glibc";
	return 0;
}

/* A copy of one of its files, if it has it. */
static int copy_file(const struct folder *folder, const char *name, const char *to, struct sha256 *sha,
		     struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(FILE_MAX), path = BUFFER(PATH_MAX);
	char hex[SHA256_HEX_SIZE];
	if (!folder_has(folder, name))
		return 0;
	buffer_appendf(&path, "%s/%s", to, name);
	if (buffer_check(&path, "a path", err) != 0 || folder_read_file(folder, name, &text, err) != 0)
		return -1;
	sha256_hex(buffer_str(&text), hex);
	sha256_update(sha, str_of(name));
	sha256_update(sha, str_of(hex));
	return to[0] ? whole_file_write(path.data, buffer_str(&text), 0600, err) : 0;
}

/* What npm reads, into `to`; "": only its digest is made. */
static int copy_files(const struct folder *folder, const struct platform *platform, const char *to,
		      char key[SHA256_HEX_SIZE], struct error *err)
{
	struct sha256 sha;
	sha256_begin(&sha);
	sha256_update(&sha, STR("npm\n"));
	sha256_update(&sha, str_of(platform->cpu));
	sha256_update(&sha, str_of(platform->libc));
	if (copy_file(folder, PACKAGE, to, &sha, err) != 0 ||
	    copy_file(folder, ".npmrc", to, &sha, err) != 0 ||
	    copy_file(folder, lock_of(folder), to, &sha, err) != 0)
		return -1;
	sha256_end(&sha, key);
	return 0;
}

static void print_errors(struct str output)
{
	size_t shown = 0;
	struct str line;
	while (output.n > 0 && shown < LINES_SHOWN) {
		cleanup_buffer struct buffer clean = BUFFER(16384);
		str_split_once(output, '\n', &line, &output);
		bool is_error =
		    str_starts_with(line, STR("npm ERR!")) || str_starts_with(line, STR("npm error"));
		if (!is_error)
			continue;
		utf8_append_clean(&clean, utf8_cut(line, 2000));
		fprintf(stderr, "  %s\n", clean.data ? clean.data : "");
		shown++;
	}
}

static int no_npm(const struct error *failure, struct error *err)
{
	if (failure->code != ERR_NOT_FOUND)
		return error_set(err, failure->code, "%s", failure->message);
	return error_set(err, ERR_NOT_FOUND,
			 "there is no npm, and " PACKAGE
			 " asks for packages: install it (Debian: apt-get install "
			 "npm), or bring node_modules yourself, or leave it out by --no-deps");
}

/* Is it the platform of this machine, as npm sees it? */
static bool is_here(const struct platform *platform)
{
	char machine[WHEEL_MACHINE_SIZE], cpu[NPM_TEXT];
	struct utsname name;
	if (uname(&name) != 0 || strcmp(name.sysname, "Linux") != 0 || target_machine(machine, NULL) != 0)
		return false;
	find_cpu(machine, cpu, sizeof(cpu));
	return strcmp(cpu, platform->cpu) == 0 && strcmp(platform->libc, "glibc") == 0;
}

/* Older ones take --os, --cpu or --libc without a word and install for the machine that they run on (tried:
 * 9.2, 10.0 and 10.2 do, 10.5 doesn't). */
static int check_version(const char *folder, const struct platform *platform, struct error *err)
{
	static const char *const argv[] = {"npm", "--version", NULL};
	const struct process process = {.argv = argv, .folder = folder, .what = "looking at npm"};
	struct error failure = {0};
	struct str major, minor, rest;
	int64_t numbers[2] = {0, 0};
	int code = 0;
	cleanup_buffer struct buffer output = BUFFER(PROCESS_OUTPUT_MAX);
	int status = process_run(&process, &output, &code, &failure);
	if (status != 0)
		return status == -1 ? no_npm(&failure, err) : status;
	str_split_once(str_trim(buffer_str(&output)), '.', &major, &rest);
	str_split_once(rest, '.', &minor, &rest);
	if (code == 0 && str_to_i64(major, 0, 9999, &numbers[0]) && str_to_i64(minor, 0, 9999, &numbers[1]) &&
	    (numbers[0] > NPM_MAJOR || (numbers[0] == NPM_MAJOR && numbers[1] >= NPM_MINOR)))
		return 0;
	return error_set(
	    err, ERR_NOT_IMPLEMENTED,
	    "npm %.*s can't install for another platform than its own, and the server's is linux, %s, "
	    "%s: npm %d.%d can (npm install -g npm@latest)",
	    (int)(major.n < 100 ? major.n + 1 + minor.n : 0), major.p, platform->cpu, platform->libc,
	    NPM_MAJOR, NPM_MINOR);
}

static int run_npm(const struct platform *platform, const char *folder, struct error *err)
{
	char cpu[NPM_TEXT + 8], libc[32];
	int code = 0;
	struct error failure = {0};
	cleanup_buffer struct buffer output = BUFFER(PROCESS_OUTPUT_MAX);
	snprintf(cpu, sizeof(cpu), "--cpu=%s", platform->cpu);
	snprintf(libc, sizeof(libc), "--libc=%s", platform->libc);
	const char *const argv[] = {
	    "npm",        "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund",
	    "--os=linux", cpu,  libc,         "--loglevel=error", NULL};
	const struct process process = {
	    .argv = argv, .folder = folder, .what = "installing node_modules (npm ci)"};
	int status = is_here(platform) ? 0 : check_version(folder, platform, err);
	if (status != 0)
		return status;
	status = process_run(&process, &output, &code, &failure);
	if (status == -1)
		return no_npm(&failure, err);
	if (status != 0 || code == 0)
		return status;
	print_errors(buffer_str(&output));
	return error_set(err, ERR_BAD_REQUEST,
			 "npm ci can't install what the lock file says%s: 'npm install' makes it anew where "
			 "it and " PACKAGE " differ",
			 output.len > 0 ? ", as it says above" : "");
}

/* The three packages with most files, as "a (900), b (300), c (20)". */
static void put_largest(const struct cache_set *set, struct buffer *out)
{
	struct {
		struct str name;
		size_t files;
	} top[3] = {{{NULL, 0}, 0}};
	for (size_t i = 0; i < set->count;) {
		struct str name = str_of(set->files[i].name), rest;
		bool is_scoped = name.n > 0 && name.p[0] == '@';
		str_split_once(name, '/', &name, &rest);
		if (is_scoped) {
			struct str second, more;
			str_split_once(rest, '/', &second, &more);
			name.n += 1 + second.n;
		}
		size_t n = i, at = 3;
		while (n < set->count && str_starts_with(str_of(set->files[n].name), name) &&
		       set->files[n].name[name.n] == '/')
			n++;
		n = n > i ? n : i + 1;
		while (at > 0 && n - i > top[at - 1].files)
			at--;
		if (at < 3) {
			memmove(top + at + 1, top + at, (2 - at) * sizeof(top[0]));
			top[at].name = name;
			top[at].files = n - i;
		}
		i = n;
	}
	for (size_t i = 0; i < 3 && top[i].files > 0; i++)
		buffer_appendf(out, "%s%.*s (%zu)", i > 0 ? ", " : "", (int)top[i].name.n, top[i].name.p,
			       top[i].files);
}

static int check_size(const struct gathering *gathering, const struct cache_set *set, struct error *err)
{
	cleanup_buffer struct buffer largest = BUFFER(1024);
	size_t count = gathering->folder->count + set->count;
	if (count <= archive_limits_default.max_entries)
		return 0;
	put_largest(set, &largest);
	return error_set(
	    err, ERR_TOO_LARGE,
	    "node_modules brings %zu files, the skill has %zu then, and %u are allowed; most are of %s. "
	    "Bundle the script into one file (npx esbuild main.js --bundle --platform=node "
	    "--outfile=…), and put that into a folder of its own as the skill; or ask for fewer packages",
	    set->count, count, archive_limits_default.max_entries, largest.data ? largest.data : "");
}

/* They are in the skill, and .npmrc may have secrets. */
static void drop_copies(const char *path)
{
	static const char *const names[] = {PACKAGE, ".npmrc", "npm-shrinkwrap.json", "package-lock.json"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_buffer struct buffer file = BUFFER(PATH_MAX);
		buffer_appendf(&file, "%s/%s", path, names[i]);
		if (!file.failed)
			unlink(file.data);
	}
}

static int bring(struct gathering *gathering, const struct platform *platform, struct cache_set *ret,
		 struct error *err)
{
	cleanup_cache_work struct cache_work work = {0};
	cleanup_buffer struct buffer from = BUFFER(PATH_MAX);
	char key[SHA256_HEX_SIZE];
	if (cache_begin(&work, err) != 0 || copy_files(gathering->folder, platform, work.path, key, err) != 0)
		return -1;
	int status = run_npm(platform, work.path, err);
	if (status != 0)
		return status;
	buffer_appendf(&from, "%s/node_modules", work.path);
	if (buffer_check(&from, "a path", err) != 0)
		return -1;
	/* npm makes none where there is nothing for this platform. */
	if (rename(from.data, work.files) != 0 && errno != ENOENT)
		return error_errno(err, "can't rename %s", from.data);
	drop_copies(work.path);
	return cache_list(&work, left_out, ret, err) != 0 ? -1 : cache_keep(&work, key, ret, err);
}

int npm_gather(struct gathering *gathering, struct error *err)
{
	const struct folder *folder = gathering->folder;
	cleanup_cache_set struct cache_set set = {0};
	struct platform platform;
	char key[SHA256_HEX_SIZE];
	bool is_found;
	if (!folder_has(folder, PACKAGE) || folder_has(folder, "node_modules/") || !asks_for_packages(folder))
		return 0;
	if (!lock_of(folder))
		return error_set(
		    err, ERR_INVALID_SKILL,
		    PACKAGE
		    " asks for packages, and there is no package-lock.json that says which "
		    "versions: run 'npm install --package-lock-only' once in %s; or bring node_modules "
		    "yourself, or leave it out by --no-deps",
		    folder->path);
	int status = find_platform(gathering, &platform, err);
	if (status != 0)
		return status;
	if (copy_files(folder, &platform, "", key, err) != 0 || cache_find(key, &set, &is_found, err) != 0)
		return -1;
	if (!is_found && (status = bring(gathering, &platform, &set, err)) != 0)
		return status;
	return check_size(gathering, &set, err) != 0 ? -1
						     : gathering_add(gathering, &set, "node_modules", err);
}

int npm_describe(const struct folder *folder, struct buffer *out, struct error *err)
{
	if (!folder_has(folder, PACKAGE) || folder_has(folder, "node_modules/") || !asks_for_packages(folder))
		return 0;
	if (lock_of(folder))
		buffer_appendf(out, PACKAGE ": 'skillbox push' installs what %s says", lock_of(folder));
	else
		buffer_append_c(out,
				PACKAGE ": it asks for packages, and there is no package-lock.json: run 'npm "
					"install --package-lock-only' once");
	return buffer_check(out, "what is said of " PACKAGE, err);
}
