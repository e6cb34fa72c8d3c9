#include "cli/dependencies/gather_internal.h"
#include "cli/dependencies/images.h"
#include "cli/dependencies/lock.h"
#include "cli/dependencies/pip.h"
#include "cli/dependencies/target.h"
#include "cli/files/whole_file.h"
#include "cli/terminal/terminal.h"
#include "lib/wheel/name.h"
#include "lib/wheel/requirements.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_SERVER                                                                                            \
	"for which Python are the packages of requirements.txt? Say so by --python, as in --python 3.12, "   \
	"or "                                                                                                \
	"give a server to ask (--server, SKILLBOX_SERVER_URL, 'skillbox login'), or leave them out by "      \
	"--no-deps"

#define OTHERS_SHOWN 5

/* What is brought, and how. */
struct wheels {
	struct gathering *gathering;
	struct requirements requirements;
	struct lock lock;
	struct wheel_target target;
	char target_text[WHEEL_TARGET_SIZE]; /* as it is written in full */
	bool uses_lock;
	bool keeps_lock; /* it is for another Python, and what is brought is for a run on this machine */
	char key[SHA256_HEX_SIZE]; /* of its set in the cache; "" as long as there is no lock */
};

/* ---- for which Python */

static int ask_target(struct wheels *w, char *ret, size_t size, struct error *err)
{
	int status = gathering_ask(w->gathering, NO_SERVER, err);
	if (status != 0)
		return status;
	if (w->gathering->has_no_images)
		return error_set(
		    err, ERR_NOT_FOUND,
		    "this server can't say which Python its images have: say it by --python, as in "
		    "--python 3.12, or leave packages out by --no-deps");
	return images_target(buffer_str(&w->gathering->images), w->gathering->image, ret, size, err);
}

static int ask_here(struct wheels *w, struct error *err)
{
	char text[GATHER_HERE_SIZE];
	if (w->gathering->gather->here("python", text, err) != 0)
		return -1;
	return wheel_target_parse(str_of(text), &w->target, err) == 0
		   ? 0
		   : error_wrap(err, "no packages can be brought for this machine's Python");
}

static int find_target(struct wheels *w, struct error *err)
{
	const char *given = call_text(w->gathering->gather->call, "python");
	char text[1024];
	if (given && target_parse(given, &w->target, err) != 0)
		return error_wrap(err, "--python"), COMMAND_USAGE;
	if (given)
		return 0;
	if (w->gathering->gather->here)
		return ask_here(w, err);
	/* Where no server is at hand, the lock says what was chosen before. */
	if (!w->gathering->gather->http && w->lock.target[0])
		return wheel_target_parse(str_of(w->lock.target), &w->target, err);
	int status = ask_target(w, text, sizeof(text), err);
	return status != 0 ? status : wheel_target_parse(str_of(text), &w->target, err);
}

/* ---- the lock */

static void make_key(struct wheels *w)
{
	struct sha256 sha;
	sha256_begin(&sha);
	sha256_update(&sha, str_of(w->target_text));
	sha256_update(&sha, STR("\n"));
	if (w->keeps_lock) /* the files may be others than those it was made of */
		sha256_update(&sha, buffer_str(&w->requirements.files));
	sha256_update(&sha, buffer_str(&w->lock.text));
	sha256_end(&sha, w->key);
}

static const char *lock_owner(const struct wheels *w)
{
	return w->lock.target[0] ? w->lock.target : "another Python";
}

/* What runs on this machine may need other wheels than a server, whose lock it is. */
static int keep_lock(struct wheels *w, struct error *err)
{
	if (call_flag(w->gathering->gather->call, "relock"))
		return error_set(err, ERR_CONFLICT,
				 LOCK_NAME " is for %s, and what runs here for %s: a local run doesn't make "
					   "it anew. 'skillbox package --relock' does",
				 lock_owner(w), w->target_text);
	make_key(w);
	return 0;
}

static int choose_lock(struct wheels *w, struct error *err)
{
	const struct lock *lock = &w->lock;
	bool is_wanted = !call_flag(w->gathering->gather->call, "relock");
	w->keeps_lock =
	    w->gathering->gather->here && lock->is_ours && strcmp(lock->target, w->target_text) != 0;
	if (w->keeps_lock)
		return keep_lock(w, err);
	w->uses_lock = is_wanted && lock->is_there &&
		       (!lock->is_ours || lock_is_of(lock, &w->requirements, w->target_text));
	if (w->uses_lock)
		make_key(w);
	else if (is_wanted && lock->is_there)
		fprintf(stderr, LOCK_NAME " is made anew: %s\n",
			lock->target[0] && lock_is_of(lock, &w->requirements, lock->target)
			    ? "it is for another Python"
			    : "the requirements changed");
	return 0;
}

static int write_lock(struct wheels *w, const struct cache_set *set, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	struct lock_wheel *wheels = calloc(set->count + 1, sizeof(*wheels));
	if (!wheels)
		return error_no_memory(err);
	for (size_t i = 0; i < set->count; i++) {
		wheels[i].name = set->files[i].name;
		memcpy(wheels[i].hex, set->files[i].hex, sizeof(wheels[i].hex));
	}
	buffer_reset(&w->lock.text);
	int status = lock_write(&w->requirements, w->target_text, wheels, set->count, &w->lock.text, err);
	free(wheels);
	buffer_appendf(&path, "%s/" LOCK_NAME, w->gathering->folder->path);
	if (status != 0 || buffer_check(&path, "a path", err) != 0)
		return -1;
	make_key(w);
	if (whole_file_write(path.data, buffer_str(&w->lock.text), 0644, err) != 0)
		return -1;
	if (terminal_is_rich(stderr))
		fprintf(stderr, "%sWrote %s: %zu package%s for %s%s\n", terminal_colour(stderr, COLOUR_DIM),
			path.data, set->count, set->count == 1 ? "" : "s", w->target_text,
			terminal_colour(stderr, COLOUR_NONE));
	return 0;
}

/* ---- the wheels */

static int check_set(const struct wheels *w, const struct cache_set *set, struct error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const char *name = set->files[i].name;
		if (strchr(name, '/') || !str_ends_with(str_of(name), STR(".whl")))
			return error_set(
			    err, ERR_INVALID_SKILL,
			    "pip brought %s, which is no wheel: a requirement that is a source "
			    "distribution, a repository or a folder has to be built first (pip wheel), "
			    "and put into wheels/ with all others",
			    name);
		if (w->uses_lock && !lock_has_hash(&w->lock, set->files[i].hex))
			return error_set(err, ERR_CONFLICT,
					 "%s is not what " LOCK_NAME " says: its hash is %s", name,
					 set->files[i].hex);
	}
	return 0;
}

/* constraints: a file of versions to take; NULL: as the lock or the requirements say. */
static int download(struct wheels *w, const struct cache_work *work, const char *constraints,
		    struct error *err)
{
	cleanup_buffer struct buffer log = BUFFER(PATH_MAX);
	buffer_appendf(&log, "%s/pip.log", work->path);
	if (buffer_check(&log, "a path", err) != 0)
		return -1;
	const struct pip_download wish = {.folder = w->gathering->folder->path,
					  .requirements = w->uses_lock ? LOCK_NAME : REQUIREMENTS_NAME,
					  .constraints = constraints,
					  .is_quiet = constraints != NULL,
					  .needs_hashes = w->uses_lock,
					  .is_complete = w->uses_lock && w->lock.is_ours,
					  .target = &w->target,
					  .to = work->files,
					  .log = log.data};
	int status = pip_download(&wish, err);
	remove(log.data);
	return status;
}

static int write_versions(struct wheels *w, const char *path, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(LOCK_MAX);
	struct str rest = buffer_str(&w->lock.text);
	struct requirement one;
	while (requirements_next(&rest, &one))
		if (one.name.n > 0 && one.version.n > 0)
			buffer_appendf(&text, "%.*s==%.*s\n", (int)one.name.n, one.name.p, (int)one.version.n,
				       one.version.p);
	return buffer_check(&text, LOCK_NAME, err) != 0
		   ? -1
		   : whole_file_write(path, buffer_str(&text), 0600, err);
}

/* The versions of a lock for another Python, where this machine's has them all; else what the requirements
 * allow. */
static int download_near(struct wheels *w, const struct cache_work *work, struct error *err)
{
	struct error why = {0};
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/versions.txt", work->path);
	if (!lock_is_of(&w->lock, &w->requirements, w->lock.target))
		return download(w, work, NULL, err);
	if (buffer_check(&path, "a path", err) != 0 || write_versions(w, path.data, err) != 0)
		return -1;
	int status = download(w, work, path.data, &why);
	remove(path.data);
	if (status == -1 && why.code == ERR_UNAVAILABLE)
		return error_set(err, why.code, "%s", why.message);
	return status == -1 ? download(w, work, NULL, err) : status;
}

static int bring(struct wheels *w, struct cache_set *ret, struct error *err)
{
	cleanup_cache_work struct cache_work work = {0};
	if (cache_begin(&work, err) != 0)
		return -1;
	int status = w->keeps_lock ? download_near(w, &work, err) : download(w, &work, NULL, err);
	if (status != 0)
		return status;
	if (cache_list(&work, NULL, ret, err) != 0 || check_set(w, ret, err) != 0)
		return -1;
	if (!w->uses_lock && !w->keeps_lock && write_lock(w, ret, err) != 0)
		return -1;
	return cache_keep(&work, w->key, ret, err);
}

/* "numpy 2.3.1, pandas 2.3.0 and 4 more": which wheels the lock doesn't have. */
static size_t list_others(const struct wheels *w, const struct cache_set *set, struct buffer *out)
{
	size_t count = 0;
	for (size_t i = 0; i < set->count; i++) {
		struct wheel_name name;
		if (lock_has_hash(&w->lock, set->files[i].hex) ||
		    wheel_name_parse(str_of(set->files[i].name), &name, NULL) != 0 || count++ >= OTHERS_SHOWN)
			continue;
		buffer_appendf(out, "%s%.*s %.*s", out->len > 0 ? ", " : "", (int)name.name.n, name.name.p,
			       (int)name.version.n, name.version.p);
	}
	if (count > OTHERS_SHOWN)
		buffer_appendf(out, " and %zu more", count - OTHERS_SHOWN);
	return count;
}

/* The lock of another Python is not that of these wheels, so it doesn't go with them. */
static void leave_lock(const struct wheels *w, const struct cache_set *set)
{
	cleanup_buffer struct buffer others = BUFFER(OTHERS_SHOWN * (WHEEL_NAME_MAX + 8));
	size_t count = list_others(w, set, &others);
	folder_drop(w->gathering->folder, LOCK_NAME);
	if (count > 0 && !w->gathering->gather->is_again)
		fprintf(stderr,
			LOCK_NAME " is for %s and stays as it is; what runs here is for %s, and gets %s that "
				  "the lock doesn't have: %s\n",
			lock_owner(w), w->target_text, count == 1 ? "a wheel" : "wheels",
			others.data ? others.data : "");
}

static int add_lock(struct wheels *w, struct error *err)
{
	struct folder *folder = w->gathering->folder;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/" LOCK_NAME, folder->path);
	if (buffer_check(&path, "a path", err) != 0)
		return -1;
	return folder_has(folder, LOCK_NAME) ? 0 : folder_add(folder, LOCK_NAME, path.data, false, err);
}

static int gather(struct wheels *w, struct error *err)
{
	cleanup_cache_set struct cache_set set = {0};
	struct folder *folder = w->gathering->folder;
	bool is_found = false;
	if (requirements_read(folder->path, &w->requirements, err) != 0)
		return -1;
	if (w->requirements.count == 0)
		return 0;
	if (lock_read(folder->path, &w->lock, err) != 0)
		return -1;
	int status = find_target(w, err);
	if (status != 0)
		return status;
	wheel_target_format(&w->target, w->target_text);
	if (choose_lock(w, err) != 0)
		return -1;
	if ((w->uses_lock || w->keeps_lock) && cache_find(w->key, &set, &is_found, err) != 0)
		return -1;
	if (is_found && check_set(w, &set, err) != 0)
		return -1;
	if (!is_found && (status = bring(w, &set, err)) != 0)
		return status;
	if (w->keeps_lock)
		leave_lock(w, &set);
	else if (add_lock(w, err) != 0)
		return -1;
	return gathering_add(w->gathering, &set, "wheels", err);
}

int wheels_gather(struct gathering *gathering, struct error *err)
{
	struct wheels w = {.gathering = gathering, .requirements = REQUIREMENTS, .lock = LOCK};
	if (!folder_has(gathering->folder, REQUIREMENTS_NAME) || folder_has(gathering->folder, "wheels/"))
		return 0;
	int status = gather(&w, err);
	requirements_free(&w.requirements);
	lock_free(&w.lock);
	return status;
}

int wheels_describe(const struct folder *folder, struct buffer *out, struct error *err)
{
	cleanup_requirements struct requirements requirements = REQUIREMENTS;
	cleanup_lock struct lock lock = LOCK;
	if (!folder_has(folder, REQUIREMENTS_NAME) || folder_has(folder, "wheels/"))
		return 0;
	if (requirements_read(folder->path, &requirements, err) != 0 ||
	    lock_read(folder->path, &lock, err) != 0)
		return -1;
	if (requirements.count == 0)
		return 0;
	const char *how = !lock.is_there  ? ", and writes " LOCK_NAME
			  : !lock.is_ours ? ", as " LOCK_NAME " says"
			  : lock_is_of(&lock, &requirements, lock.target)
			      ? ", as " LOCK_NAME " says"
			      : ", and makes " LOCK_NAME " anew, since the requirements changed";
	buffer_appendf(out,
		       REQUIREMENTS_NAME ": 'skillbox push' downloads the packages of %zu requirement%s%s",
		       requirements.count, requirements.count == 1 ? "" : "s", how);
	return buffer_check(out, "what is said of " REQUIREMENTS_NAME, err);
}
