/* Bundles were checked when they were uploaded; inline files are checked here. */
#include "controller/skill/reconcile.h"

#include "lib/base/digest.h"
#include "lib/base/log.h"
#include "lib/frame/frame.h"
#include "lib/skill/skill_package.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define MESSAGE_SIZE 512
#define PATH_SIZE 1024
#define PATCH_MAX (64 << 10)
#define FILES_MAX (4 << 20) /* texts of one object: the API server takes less */

struct skill_pass {
	LIST_ENTRY(skill_pass) link;
	struct skills *skills;
	char *key;
};

struct skills {
	struct skill_services services;
	/* statuses that are being written */
	LIST_HEAD(, skill_pass) passes;
};

static void skill_pass_free(struct skill_pass *pass)
{
	LIST_REMOVE(pass, link);
	free(pass->key);
	free(pass);
}

struct skills *skills_new(const struct skill_services *services, struct error *err)
{
	struct skills *skills = calloc(1, sizeof(*skills));
	if (!skills) {
		error_no_memory(err);
		return NULL;
	}
	skills->services = *services;
	LIST_INIT(&skills->passes);
	return skills;
}

struct skills *skills_free(struct skills *skills)
{
	while (skills && !LIST_EMPTY(&skills->passes))
		skill_pass_free(LIST_FIRST(&skills->passes));
	free(skills);
	return NULL;
}

static void status_patched(void *context, const struct kube_response *response)
{
	struct skill_pass *pass = context;
	bool failed = response->error && response->error->code != ERR_NOT_FOUND;
	if (failed)
		log_warn("skill status not written", "skill", pass->key, "error", response->error->message,
			 NULL);
	workqueue_done(pass->skills->services.queue, str_of(pass->key), failed);
	skill_pass_free(pass);
}

/* Content digest of inline files: over path, NUL, length, NUL and text of each, in lexical order of path. */
static int compare_files(const void *a, const void *b)
{
	return strcmp((*(const struct skill_file *const *)a)->path,
		      (*(const struct skill_file *const *)b)->path);
}

static int digest_of_files(const struct skill *skill, char ret[DIGEST_TEXT_SIZE], struct error *err)
{
	const struct skill_file **files = calloc(skill->spec.file_count + 1, sizeof(*files));
	if (!files)
		return error_no_memory(err);
	for (size_t i = 0; i < skill->spec.file_count; i++)
		files[i] = &skill->spec.files[i];
	qsort(files, skill->spec.file_count, sizeof(*files), compare_files);
	cleanup_buffer struct buffer all = BUFFER(FILES_MAX);
	for (size_t i = 0; i < skill->spec.file_count; i++) {
		struct str text = str_of(files[i]->text);
		buffer_append(&all, files[i]->path, strlen(files[i]->path) + 1);
		buffer_appendf(&all, "%zu", text.n);
		buffer_append_byte(&all, '\0');
		buffer_append_str(&all, text);
	}
	free(files);
	return all.failed ? error_no_memory(err) : digest_text(buffer_str(&all), ret, err);
}

/* Why inline files can't be run; false if they can. */
static bool files_problem(const struct skill *skill, char *message, size_t size)
{
	struct archive_content content = {calloc(skill->spec.file_count + 1, sizeof(struct archive_entry)), 0,
					  0};
	bool bad = !content.entries;
	if (bad)
		snprintf(message, size, "out of memory");
	for (size_t i = 0; !bad && i < skill->spec.file_count; i++) {
		content.entries[content.count++].path = skill->spec.files[i].path;
		bad = !frame_path_is_valid(str_of(skill->spec.files[i].path));
		if (bad)
			snprintf(message, size, "file path '%.200s' must be relative, without '.' and '..'",
				 skill->spec.files[i].path);
	}
	if (!bad && !entrypoint_find(&content, str_of(skill->spec.lang))) {
		bad = true;
		snprintf(message, size,
			 "no entrypoint for lang %s: add main.py, run.py, main.js, run.js, main.sh or run.sh "
			 "at the root or "
			 "under scripts/",
			 skill->spec.lang);
	}
	free(content.entries);
	return bad;
}

/* Fill the wished condition and digest; true if they differ from what is recorded. */
static bool wish_status(const struct skill *skill, int64_t now_ms, struct skill *wish, char *message,
			size_t size, char digest[DIGEST_TEXT_SIZE], struct error *err)
{
	const struct condition *now = &skill->status.ready;
	bool bad = false;
	digest[0] = '\0';
	snprintf(message, size, "ready to run");
	if (skill->invalid) {
		snprintf(message, size, "%s", skill->invalid);
		bad = true;
	} else if (skill->spec.bundle.digest)
		snprintf(digest, DIGEST_TEXT_SIZE, "%s", skill->spec.bundle.digest);
	else if (files_problem(skill, message, size))
		bad = true;
	else if (digest_of_files(skill, digest, err) != 0)
		return false;
	wish->meta = skill->meta;
	wish->status.digest = digest[0] ? digest : NULL;
	wish->status.ready = (struct condition){
	    .status = bad ? "False" : "True",
	    .reason = bad ? "Invalid" : "Ready",
	    .message = message,
	    .transition_ms =
		now->status && strcmp(now->status, bad ? "False" : "True") == 0 ? now->transition_ms : now_ms,
	    .observed_generation = skill->meta.generation,
	};
	return !now->status || strcmp(now->status, wish->status.ready.status) != 0 || !now->message ||
	       strcmp(now->message, message) != 0 || now->observed_generation != skill->meta.generation ||
	       (digest[0] && (!skill->status.digest || strcmp(skill->status.digest, digest) != 0));
}

void skills_reconcile(struct skills *skills, struct str key)
{
	const struct skill_services *services = &skills->services;
	struct workqueue *queue = services->queue;
	const struct skill *skill = cache_skill(services->cache, key);
	char message[MESSAGE_SIZE], digest[DIGEST_TEXT_SIZE], path[PATH_SIZE];
	struct error err = {0};
	struct skill wish = {0};
	if (!skill || skill->meta.deleted_ms ||
	    !wish_status(skill, clock_wall_ms(services->clock), &wish, message, sizeof(message), digest,
			 &err)) {
		workqueue_done(queue, key, err.code != ERR_NONE);
		return;
	}
	cleanup_buffer struct buffer body = BUFFER(PATCH_MAX);
	struct skill_pass *pass = calloc(1, sizeof(*pass));
	if (!pass || !(pass->key = str_dup(key)) || skill_status_patch(&wish, &body, &err) != 0)
		goto fail;
	pass->skills = skills;
	snprintf(path, sizeof(path), API_BASE_PATH "/namespaces/%s/" API_SKILLS "/%s/status",
		 skill->meta.namespace, skill->meta.name);
	struct kube_call call = {.method = "PATCH",
				 .path = path,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = buffer_str(&body),
				 .done = status_patched,
				 .context = pass};
	if (kube_client_call(services->client, &call, &err)) { /* answered later, never from inside */
		LIST_INSERT_HEAD(&skills->passes, pass, link);
		return;
	}
fail:
	log_warn("skill status not written", "error", err.message, NULL);
	if (pass)
		free(pass->key);
	free(pass);
	workqueue_done(queue, key, true);
}
