#include "apiserver/execution/check_input.h"

#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "apiserver/skill/input_schemas.h"
#include "apiserver/skill/read.h"
#include "lib/base/mapping.h"

#include <fcntl.h>
#include <stdlib.h>

/* What is done at once, on the loop: far below a millisecond. The rest goes to the thread pool. */
#define BRIEF_TEXT_MAX ((size_t)16 << 10)
#define BRIEF_STEPS 5000

static const char what_failed[] = "the input could not be checked";

struct input_check {
	struct operation operation;
	struct checked_input input;
	struct input_schema *schema; /* NULL: it is still to be compiled … */
	char *schema_text;           /* … from this */
	struct schema *compiled;
	struct object_meta meta; /* of whose it is: uid and generation only */
	struct schema_problems problems;
	struct error err; /* code ERR_NONE: the problems tell */
	/* NULL: it was called. */
	check_input_cb done;
	void *context;
};

static struct input_check *of(struct operation *operation)
{
	return (struct input_check *)operation;
}

static void end(struct input_check *check, const struct error *failure)
{
	check_input_cb done = check->done;
	check->done = NULL;
	if (done)
		done(check->context, failure);
}

static void fail(struct input_check *check, const struct error *err)
{
	struct error failure;
	if (err->code == ERR_INVALID_SKILL || err->code == ERR_NO_CAPACITY)
		failure_of_error(check->operation.caller, err, &failure);
	else
		failure_of_fault(check->operation.caller, what_failed, err, &failure);
	end(check, &failure);
}

static void check_free(struct operation *operation)
{
	struct input_check *check = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(check, &failure);
	input_schema_unref(check->schema);
	schema_free(check->compiled);
	free(check->schema_text);
	free(check->meta.uid);
	free(check);
}

/* In the thread pool */

static int compile(struct input_check *check, struct error *err)
{
	struct error why;
	if (check->schema || schema_compile(str_of(check->schema_text), NULL, &check->compiled, &why) == 0)
		return 0;
	if (why.code != ERR_BAD_REQUEST)
		return error_set(err, why.code, "%s", why.message);
	return error_set(err, ERR_INVALID_SKILL,
			 "the skill can't be run, its input_schema is no JSON Schema: %s", why.message);
}

static int validate(struct input_check *check, struct error *err)
{
	struct mapping mapping = {0};
	struct str text = check->input.text;
	const struct schema *schema = check->schema ? input_schema_compiled(check->schema) : check->compiled;
	if (!text.p) {
		int fd = fcntl(check->input.fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return error_errno(err, "duplicate the input's descriptor");
		if (mapping_take(&mapping, fd, check->input.size, err) != 0)
			return -1;
		text = mapping.text;
	}
	int status = schema_validate(schema, text, &check->problems, err);
	mapping_clear(&mapping);
	return status;
}

static void work(struct operation *operation)
{
	struct input_check *check = of(operation);
	struct error err;
	if (compile(check, &err) != 0 || validate(check, &err) != 0)
		check->err = err;
}

static void on_worked(struct operation *operation)
{
	struct input_check *check = of(operation);
	struct error err;
	if (check->compiled && check->err.code == ERR_NONE) { /* that it isn't kept harms nobody */
		check->schema =
		    input_schemas_add(operation->server->input_schemas, &check->meta, check->compiled, NULL);
		check->compiled = NULL;
	}
	if (check->err.code != ERR_NONE) {
		fail(check, &check->err);
	} else if (check->problems.count) {
		schema_refuse_input(&check->problems, &err);
		end(check, &err);
	} else {
		end(check, NULL);
	}
}

static void start_work(struct input_check *check)
{
	struct error err;
	if (operation_work(&check->operation, work, on_worked, &err) != 0)
		fail(check, &err);
}

/* On the loop */

/* skill_read_cb */
static void on_skill(void *context, const struct skill *skill, const struct error *failure)
{
	struct input_check *check = context;
	struct error err;
	if (failure) {
		end(check, failure);
	} else if (!skill->spec.input_schema) { /* not any more */
		end(check, NULL);
	} else {
		check->schema_text = str_dup(str_of(skill->spec.input_schema));
		check->meta.uid = str_dup(str_of(skill->meta.uid));
		check->meta.generation = skill->meta.generation;
		if (check->schema_text && check->meta.uid) {
			start_work(check);
		} else {
			error_no_memory(&err);
			fail(check, &err);
		}
	}
	operation_unref(&check->operation);
}

/* What is known of the skill, and small: without a wait. False: it takes longer. */
static bool check_at_once(const struct input_schema *schema, const struct checked_input *input,
			  check_input_cb done, void *context)
{
	struct schema_problems problems;
	struct error err;
	bool is_done = false;
	if (!input->text.p || input->text.n > BRIEF_TEXT_MAX ||
	    schema_validate_briefly(input_schema_compiled(schema), input->text, BRIEF_STEPS, &problems,
				    &is_done, NULL) != 0 ||
	    !is_done)
		return false;
	if (problems.count)
		schema_refuse_input(&problems, &err);
	done(context, problems.count ? &err : NULL);
	return true;
}

void check_input(struct apiserver *server, struct caller *caller, const struct skill *skill,
		 const struct checked_input *input, check_input_cb done, void *context)
{
	struct error err;
	struct input_schema *schema = input_schemas_find(server->input_schemas, skill);
	if (schema && check_at_once(schema, input, done, context)) {
		input_schema_unref(schema);
		return;
	}
	struct input_check *check = calloc(1, sizeof(*check));
	if (!check) {
		input_schema_unref(schema);
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, &err);
		return;
	}
	operation_init(&check->operation, server, caller, check_free);
	check->input = *input;
	check->schema = schema;
	check->done = done;
	check->context = context;
	if (schema) {
		start_work(check);
	} else {
		operation_ref(&check->operation);
		skill_read(server, caller, str_of(skill->spec.name), str_of(skill->spec.version), on_skill,
			   check);
	}
	operation_unref(&check->operation);
}
