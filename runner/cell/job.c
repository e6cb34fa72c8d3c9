#include "runner/cell/job.h"

#include "lib/base/clock.h"

#include <fcntl.h>
#include <sys/stat.h>

void job_init(struct job *job, const struct place *place)
{
	*job = (struct job){.state = FRAME_STATE_WAITING};
	load_init(&job->load, place);
}

void job_free(struct job *job)
{
	environment_free(&job->environment);
	load_free(&job->load);
}

const char *job_failed_reason(enum error_code code)
{
	switch (code) {
	case ERR_PROTOCOL:
		return "protocol";
	case ERR_BAD_REQUEST:
	case ERR_INVALID_ENV:
		return "bad_job";
	case ERR_NOT_FOUND:
		return "no_interpreter";
	default:
		return "io";
	}
}

/* The callers' buffers are one longer than the bound that the decoder has checked. */
static void copy_text(char *ret, struct str text)
{
	if (text.n > 0)
		memcpy(ret, text.p, text.n);
	ret[text.n] = '\0';
}

struct variable {
	struct str name, value;
};

static int set_variables(struct environment *environment, const struct variable *variables, size_t count,
			 struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (environment_set(environment, variables[i].name, variables[i].value, err) != 0)
			return -1;
	return 0;
}

int job_base_environment(struct environment *environment, const char *search, struct error *err)
{
	const struct variable base[] = {
	    {STR("PATH"), str_of(search && *search ? search : ENVIRONMENT_DEFAULT_PATH)},
	    {STR("HOME"), STR(PATH_TMP)},
	    {STR("LANG"), STR("C.UTF-8")},
	    /* Python keeps output to a pipe back until it ends: a run that is killed would lose its log. */
	    {STR("PYTHONUNBUFFERED"), STR("1")},
	};
	return set_variables(environment, base, sizeof(base) / sizeof(base[0]), err);
}

static int set_own_environment(struct job *job, const char *search, struct error *err)
{
	const struct variable own[] = {
	    {STR("SANDBOX_EXECUTION_ID"), str_of(job->execution_id)},
	    {STR("SANDBOX_INPUT_FILE"), STR(PATH_INPUT)},
	    {STR("SANDBOX_OUTPUT"), STR(PATH_OUTPUT)},
	    {STR("SANDBOX_FILES_DIR"), STR(PATH_FILES "/")},
	};
	if (job_base_environment(&job->environment, search, err) != 0)
		return -1;
	return set_variables(&job->environment, own, sizeof(own) / sizeof(own[0]), err);
}

static int take_job(struct job *job, const struct job_context *context, const struct frame_job *wanted,
		    struct error *err)
{
	if (job->wanted)
		return error_set(err, ERR_PROTOCOL, "JOB, but this sandbox has a job already");
	if (load_expect_whole(&job->load, err) != 0)
		return -1;
	job->wanted = true;
	job->files_before = job->load.file_count;
	job->state = FRAME_STATE_LOADING;
	job->begun_us = clock_monotonic_us(&clock_system);
	copy_text(job->execution_id, wanted->execution_id);
	copy_text(job->note, wanted->note);
	copy_text(job->interpreter_name, wanted->interpreter);
	memcpy(job->script, JOB_SCRIPTS, sizeof(JOB_SCRIPTS) - 1);
	copy_text(job->script + sizeof(JOB_SCRIPTS) - 1, wanted->script);
	job->timeout_ms = wanted->timeout_ms;
	job->max_output = wanted->max_output;
	job->max_logs = wanted->max_logs;
	job->max_files_bytes = wanted->max_files_bytes;
	job->max_files_count = wanted->max_files_count;
	job->interpreter = interpreters_path(context->interpreters, wanted->interpreter);
	if (!job->interpreter)
		return error_set(err, ERR_NOT_FOUND, "the image has no %s", job->interpreter_name);
	return set_own_environment(job, context->search, err);
}

static int take_env(struct job *job, const struct frame_env *env, struct error *err)
{
	if (job->load.file_count > job->files_before || job->load.have_input)
		return error_set(err, ERR_PROTOCOL, "ENV after FILE or INPUT");
	/* SKILL_INSTRUCTIONS comes from the controller itself; a caller's own has been refused before. */
	if (!str_eq(env->name, STR("SKILL_INSTRUCTIONS")) && !frame_env_name_is_allowed(env->name))
		return error_set(err, ERR_INVALID_ENV, "environment variable %.*s is not allowed",
				 (int)env->name.n, env->name.p);
	return environment_set(&job->environment, env->name, env->value, err);
}

static int take_start(struct job *job, const struct frame_start *start, struct error *err)
{
	struct load *load = &job->load;
	if (load_finish(load, start, err) != 0)
		return -1;
	struct stat st;
	const char *script = job->script + sizeof(JOB_SCRIPTS) - 1;
	if (fstatat(load->place->scripts_fd, script, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return error_set(err, ERR_BAD_REQUEST, "the skill has no file %s", script);
	if (load->have_packages &&
	    environment_set(&job->environment, STR("PYTHONPATH"), STR(PATH_PACKAGES), err) != 0)
		return -1;
	struct str input = buffer_str(&load->input);
	bool fits =
	    load->input_size <= LOAD_ENV_INPUT_MAX && (input.n == 0 || !memchr(input.p, '\0', input.n));
	if (fits && environment_set(&job->environment, STR("SANDBOX_INPUT"), input, err) != 0)
		return -1;
	return 1;
}

int job_take(struct job *job, const struct job_context *context, const struct frame *frame, struct error *err)
{
	bool of_file = frame->type == FRAME_FILE || frame->type == FRAME_PACKAGE || frame->type == FRAME_DATA;
	if (frame->type != FRAME_JOB && !job->wanted && !of_file)
		return error_set(err, ERR_PROTOCOL, "%s without JOB before it", frame_type_name(frame->type));
	if (job->state > FRAME_STATE_LOADING)
		return error_set(err, ERR_PROTOCOL, "%s, but this sandbox has a job already",
				 frame_type_name(frame->type));
	switch (frame->type) {
	case FRAME_JOB:
		return take_job(job, context, &frame->job, err);
	case FRAME_ENV:
		return take_env(job, &frame->env, err);
	case FRAME_FILE:
	case FRAME_PACKAGE:
		job->state = FRAME_STATE_LOADING;
		return load_file(&job->load, &frame->file, frame->type == FRAME_PACKAGE, err);
	case FRAME_INPUT:
		return load_input(&job->load, frame->input.size, err);
	case FRAME_DATA:
		return load_data(&job->load, frame->data, err);
	case FRAME_START:
		return take_start(job, &frame->start, err);
	default:
		return error_set(err, ERR_PROTOCOL, "%s in the middle of a job",
				 frame_type_name(frame->type));
	}
}

bool job_has_files(const struct job *job)
{
	return job->state == FRAME_STATE_LOADING && !job->wanted && load_expect_whole(&job->load, NULL) == 0;
}

int job_discard(struct job *job, struct error *err)
{
	const struct place *place = job->load.place;
	if (load_discard(&job->load, err) != 0)
		return -1;
	job_free(job);
	job_init(job, place);
	return 0;
}
