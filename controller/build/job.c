#include "controller/build/job.h"

#include "controller/build/answer.h"
#include "controller/build/input.h"
#include "lib/base/utf8.h"
#include "lib/kube/exec.h"
#include "lib/run/bundle.h"
#include "lib/run/packages.h"
#include "lib/wheel/wheelhouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS_MAX 512
#define REASON_MAX 1500 /* bytes */

struct build_job {
	struct build_job_services services;
	enum build_stage stage;
	char *tenant, *image;
	char digest[DIGEST_TEXT_SIZE];
	int64_t attempt;
	struct wheel_target target;
	void (*changed)(void *context); /* NULL: nobody wants to know any more */
	void *context;
	bool is_busy; /* with what can't be stopped: the thread pool, or the blob store */
	uv_work_t work;
	void (*finish)(struct build_job *job);
	int zip_fd; /* the archive; -1: not there */
	struct build_input input;
	struct exec_stream *stream;
	size_t sent;
	struct build_answer answer;
	char words[WORDS_MAX + 1]; /* of its standard error, for a failure */
	int packages_fd;
	struct skill_packages packages;
	struct error problem;
};

static void destroy(struct build_job *job)
{
	if (job->zip_fd >= 0)
		close(job->zip_fd);
	if (job->packages_fd >= 0)
		close(job->packages_fd);
	build_input_free(&job->input);
	build_answer_free(&job->answer);
	blob_ref_clear(&job->packages.blob);
	free(job->packages.lock);
	free(job->tenant);
	free(job->image);
	free(job);
}

struct build_job *build_job_free(struct build_job *job)
{
	if (!job)
		return NULL;
	job->changed = NULL;
	job->stream = exec_stream_close(job->stream);
	if (!job->is_busy)
		destroy(job);
	return NULL;
}

/* Something that couldn't be stopped has ended. False: the job is gone. */
static bool goes_on(struct build_job *job)
{
	job->is_busy = false;
	if (job->changed)
		return true;
	destroy(job);
	return false;
}

static void move(struct build_job *job, enum build_stage stage)
{
	job->stage = stage;
	if (job->changed)
		job->changed(job->context);
}

/* The archive, or what came of it, is the user's fault; all else may pass. */
static void fail(struct build_job *job)
{
	bool is_final = job->problem.code == ERR_INVALID_SKILL || job->problem.code == ERR_TOO_LARGE ||
			job->problem.code == ERR_NO_CAPACITY;
	job->stream = exec_stream_close(job->stream);
	move(job, is_final ? BUILD_STAGE_REFUSED : BUILD_STAGE_FAILED);
}

/* ---- the thread pool */

static void work_done(uv_work_t *work, int status)
{
	struct build_job *job = work->data;
	(void)status;
	if (goes_on(job))
		job->finish(job);
}

static int start_work(struct build_job *job, uv_work_cb work, void (*finish)(struct build_job *job))
{
	job->work.data = job;
	job->finish = finish;
	job->problem.code = ERR_NONE;
	int status = uv_queue_work(job->services.loop, &job->work, work, work_done);
	if (status != 0)
		return error_set(&job->problem, ERR_INTERNAL, "thread pool: %s", uv_strerror(status));
	job->is_busy = true;
	return 0;
}

/* ---- storing */

static void stored(void *context, const struct error *error, int fd, int64_t size)
{
	struct build_job *job = context;
	(void)fd;
	(void)size;
	if (!goes_on(job))
		return;
	if (error) {
		job->problem = *error;
		error_wrap(&job->problem, "the packages could not be stored");
		fail(job);
		return;
	}
	close(job->packages_fd);
	job->packages_fd = -1;
	move(job, BUILD_DONE);
}

static void store(struct build_job *job)
{
	const struct blob_ref *blob = &job->packages.blob;
	struct blob_key key = {BLOB_SKILLS, job->tenant, blob->digest};
	if (job->problem.code == ERR_NONE && blob_put(job->services.store, &key, job->packages_fd, blob->size,
						      stored, job, &job->problem) == 0)
		job->is_busy = true;
	else
		fail(job);
}

/* ---- the answer */

static int keep_packages(struct build_job *job, const struct wheelhouse *house,
			 struct packages_writer *writer, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	struct skill_packages *packages = &job->packages;
	if (packages_writer_end(writer, &job->packages_fd, &packages->blob.size, digest, err) != 0)
		return -1;
	packages->files = (int64_t)house->file_count;
	packages->bytes = house->byte_count;
	packages->blob.digest = str_dup(str_of(digest));
	packages->lock = str_dup(str_of(house->lock));
	return packages->blob.digest && packages->lock ? 0 : error_no_memory(err);
}

/* The same judgement as at a push: the index is no more to be trusted than a user. */
static int examine(struct build_job *job, struct packages_writer *writer, struct error *err)
{
	struct wheelhouse house = {.warnings = PROBLEMS};
	const struct archive_visitor visitor = packages_writer_visitor(writer);
	const struct archive_limits limits = {BUILD_ANSWER_MAX, BUILD_ANSWER_MAX, WHEELHOUSE_WHEELS_MAX + 1,
					      200};
	const struct wheelhouse_request request = {.zip_fd = job->answer.fd,
						   .archive = &limits,
						   .wheels = &wheelhouse_limits_default,
						   .target = &job->target,
						   .image = str_of(job->image),
						   .visitor = &visitor};
	if (wheelhouse_read(&request, &house, err) != 0)
		return -1;
	int status = house.has_wheels
			 ? keep_packages(job, &house, writer, err)
			 : error_set(err, ERR_INVALID_SKILL, "no wheels came of the requirements");
	wheelhouse_free(&house);
	return status;
}

static void work_examine(uv_work_t *work)
{
	struct build_job *job = work->data;
	struct packages_writer *writer = packages_writer_new(&job->problem);
	if (writer && examine(job, writer, &job->problem) != 0)
		error_wrap(&job->problem, "the wheels can't be used");
	packages_writer_free(writer);
}

static void examined(struct build_job *job)
{
	build_answer_drop_zip(&job->answer);
	store(job);
}

static void use_answer(struct build_job *job)
{
	struct str reason = utf8_cut(build_answer_reason(&job->answer), REASON_MAX);
	if (job->answer.verdict == BUILD_OK) {
		if (start_work(job, work_examine, examined) != 0)
			fail(job);
		return;
	}
	error_set(&job->problem, job->answer.verdict == BUILD_REFUSED ? ERR_INVALID_SKILL : ERR_UNAVAILABLE,
		  "%.*s", (int)reason.n, reason.n ? reason.p : "");
	fail(job);
}

/* ---- the stream */

static void send_input(struct build_job *job)
{
	const struct buffer *text = &job->input.text;
	while (job->stream && job->sent < text->len) {
		struct str left = {text->data + job->sent, text->len - job->sent};
		size_t taken = exec_stream_write(job->stream, left);
		if (taken == 0)
			return;
		job->sent += taken;
	}
}

static void on_open(void *context)
{
	send_input(context);
}

static void on_output(void *context, struct str data)
{
	struct build_job *job = context;
	if (build_answer_take(&job->answer, data, &job->problem) != 0)
		fail(job);
}

static void on_error_output(void *context, struct str data)
{
	struct build_job *job = context;
	size_t used = strlen(job->words), n = data.n < WORDS_MAX - used ? data.n : WORDS_MAX - used;
	memcpy(job->words + used, data.p, n);
	job->words[used + n] = '\0';
}

static void on_closed(void *context, const struct error *problem, int exit_code)
{
	struct build_job *job = context;
	job->stream = NULL; /* freed by itself */
	if (build_answer_end(&job->answer, &job->problem) == 0) {
		use_answer(job);
		return;
	}
	if (problem)
		error_wrap(&job->problem, "%s", problem->message);
	else if (job->words[0])
		error_set(&job->problem, ERR_UNAVAILABLE, "the build's program ended with exit code %d: %s",
			  exit_code, job->words);
	fail(job);
}

void build_job_give(struct build_job *job, const struct pod *pod)
{
	static const char *const command[] = {"python3", "-IB", "/builder/build.py", NULL};
	const struct exec_options options = {
	    .namespace = pod->meta.namespace,
	    .pod = pod->meta.name,
	    .container = POD_BUILD_CONTAINER,
	    .command = command,
	    .handler = {on_open, on_output, on_error_output, on_open, on_closed},
	    .context = job,
	};
	job->stage = BUILD_WORKING;
	job->stream = exec_stream_open(job->services.ws, &options, &job->problem);
	if (!job->stream)
		fail(job);
}

/* ---- the archive */

static void work_read(uv_work_t *work)
{
	struct build_job *job = work->data;
	const struct controller_config *config = job->services.config;
	const struct build_input_request request = {job->zip_fd, &job->target, config->build.index_url,
						    config->build.timeout_ms};
	build_input_read(&request, &job->input, &job->problem);
}

static void input_read(struct build_job *job)
{
	close(job->zip_fd);
	job->zip_fd = -1;
	if (job->problem.code == ERR_NONE)
		move(job, BUILD_KNOWN);
	else
		fail(job);
}

static void fetched(void *context, const struct error *error, int fd, int64_t size)
{
	struct build_job *job = context;
	(void)size;
	job->zip_fd = error ? -1 : fd;
	if (!goes_on(job))
		return;
	if (error) {
		job->problem = *error;
		error_wrap(&job->problem, "the skill's bundle could not be fetched");
	}
	if (error || start_work(job, work_read, input_read) != 0)
		fail(job);
}

static struct build_job *job_new(const struct build_job_services *services, const struct skill *skill,
				 const char *tenant, const char *image)
{
	struct build_job *job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	job->services = *services;
	job->zip_fd = job->packages_fd = -1;
	build_answer_init(&job->answer);
	job->attempt = skill->status.build.attempt;
	job->tenant = str_dup(str_of(tenant));
	job->image = str_dup(str_of(image));
	snprintf(job->digest, sizeof(job->digest), "%s", skill->spec.bundle.digest);
	if (job->tenant && job->image)
		return job;
	destroy(job);
	return NULL;
}

struct build_job *build_job_start(const struct build_job_services *services, const struct skill *skill,
				  const char *tenant, const struct wheel_target *target, const char *image,
				  void (*changed)(void *context), void *context, struct error *err)
{
	struct build_job *job = job_new(services, skill, tenant, image);
	if (!job) {
		error_no_memory(err);
		return NULL;
	}
	job->target = *target;
	job->changed = changed;
	job->context = context;
	struct blob_key key = {BLOB_SKILLS, job->tenant, job->digest};
	if (blob_get(services->store, &key, BUNDLE_MAX_ZIP, fetched, job, err) != 0) {
		destroy(job);
		return NULL;
	}
	job->is_busy = true;
	return job;
}

/* ---- what is known of it */

enum build_stage build_job_stage(const struct build_job *job)
{
	return job->stage;
}

int64_t build_job_attempt(const struct build_job *job)
{
	return job->attempt;
}

const char *build_job_key(const struct build_job *job)
{
	return job->input.key;
}

int64_t build_job_file_bytes(const struct build_job *job)
{
	return job->input.file_bytes;
}

const struct skill_packages *build_job_packages(const struct build_job *job)
{
	return &job->packages;
}

const char *build_job_log(const struct build_job *job)
{
	return job->answer.log.data ? job->answer.log.data : "";
}

const char *build_job_problem(const struct build_job *job)
{
	return job->problem.message;
}
