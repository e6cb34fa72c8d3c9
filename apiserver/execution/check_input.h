/* Does an input match the schema of the skill that it is for? Asked before anything is created. */
#ifndef SKILLBOX_APISERVER_EXECUTION_CHECK_INPUT_H
#define SKILLBOX_APISERVER_EXECUTION_CHECK_INPUT_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "lib/api/skill.h"

/* NULL: it matches. Else the failure, as clients may see it: ERR_INPUT_SCHEMA_MISMATCH with the first
 * problems, ERR_INVALID_SKILL if the schema is none, or what kept it from being checked. */
typedef void (*check_input_cb)(void *context, const struct error *failure);

/* The input is a text, or if that is {0} the first `size` bytes of a file; both are the caller's and stay
 * until done is called, once, at once or later. `skill` (an outline with a schema) is used during the call.
 */
struct checked_input {
	struct str text;
	int fd;
	int64_t size;
};
void check_input(struct apiserver *server, struct caller *caller, const struct skill *skill,
		 const struct checked_input *input, check_input_cb done, void *context);

#endif
