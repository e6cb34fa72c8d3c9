/* A parked interpreter: started with the sandbox, under every layer that a script gets, it has done all that
 * comes before its script and waits for it on a socket. So an execution pays no interpreter's start.
 *
 * Nothing is imitated. The interpreter gets the command line of the real thing, "python
 * /sandbox/scripts/main.py", and a hook of its own (sitecustomize, node's --require; runner/cell/parked/)
 * holds it up where it would go on to open the script. The hook takes over the execution's environment,
 * removes its traces and returns; then the interpreter itself runs the script. The price: the path of the
 * script must be known ahead. A job with another interpreter or script, or with variables that an interpreter
 * reads while it starts, starts cold, and the parked process is ended first. */
#ifndef SKILLBOX_RUNNER_CELL_PARK_H
#define SKILLBOX_RUNNER_CELL_PARK_H

#include "lib/base/error.h"
#include "runner/cell/job.h"
#include "runner/cell/place.h"

#include <limits.h>

#define PARK_AWAIT_MS 1000              /* how long a job waits for an interpreter that is still starting */
#define PARK_MAX_PRELOAD 4096u          /* bytes of the list of modules */
#define PARK_MAX_ENVIRONMENT (1u << 20) /* a larger one is left to exec, which knows the kernel's bound */
#define PARK_NODE_HOOK "park.cjs"       /* beside the runner: worker threads load it as long as they start */

struct park_language;

struct park {
	const struct park_language *language; /* NULL: nothing is to be parked */
	char script[sizeof(JOB_SCRIPTS) + FRAME_MAX_PATH];
	char preload[PARK_MAX_PRELOAD];
	char directory[PATH_MAX]; /* of the hook */
	const struct place *place;
	struct environment environment; /* of the interpreter while it waits */
	int channel_fd;                 /* -1: none waits, or not any more */
	bool ready;
	bool has_hook;     /* its file is there, and ours to remove */
	bool after_files;  /* not before the skill's files are there, since it is to load some of them */
	bool has_packages; /* they are among them; set before park_open */
};

void park_init(struct park *park); /* nothing is to be parked */

/* `name`: "python" or "node"; anything else, or NULL, parks nothing. `script`: its path among the skill's
 * files, NULL or empty for the usual one. `preload`: modules to import, separated by commas, or NULL. Whether
 * after_files is the caller's to set. */
int park_configure(struct park *ret, const char *name, const char *script, const char *preload,
		   struct error *err);
const char *park_name(const struct park *park); /* "python"; NULL: nothing is to be parked */

/* Lay down the hook, if it isn't installed, and make the environment and the socket; *ret_child_fd is the
 * interpreter's end, which is the caller's to close. `place` must stay. */
int park_open(struct park *park, const struct place *place, const char *search, int *ret_child_fd,
	      struct error *err);
/* Nobody waits: close, and remove the hook. */
void park_close(struct park *park);

static inline bool park_is_open(const struct park *park)
{
	return park->channel_fd >= 0;
}

/* channel_fd is readable. 0, or -1: it will never be ready. */
int park_read(struct park *park, struct error *err);

/* Would this job run there as it does from a start of its own? */
bool park_fits(const struct park *park, const struct job *job);

/* Wait until the interpreter is ready, at most PARK_AWAIT_MS. */
int park_await(struct park *park, struct error *err);
/* The environment, and with it the word to go on. The socket is closed then. */
int park_hand_over(struct park *park, const struct environment *environment, struct error *err);

/* The bytes of PARK_NODE_HOOK. */
struct str park_node_hook(void);

/* For an interpreter ("node") that starts with its script: the same hook, for what it does beside waiting.
 * Nothing for one whose hook only waits. */
int park_hook_cold(const struct place *place, const char *interpreter, struct environment *environment,
		   struct error *err);

#endif
