/* PID 1 of a sandbox. */
#ifndef SKILLBOX_RUNNER_INIT_H
#define SKILLBOX_RUNNER_INIT_H

#include "runner/cell/cell.h"
#include "runner/channel/connection.h"
#include "runner/isolation/layers.h"
#include "runner/isolation/lockdown.h"
#include "runner/system/interpreter.h"

#define INIT_CONNECTIONS 4   /* the one that counts, and some that have yet to say HELLO */
#define INIT_MAX_SEARCH 4096 /* bytes of PATH and their NUL */

struct init {
	char token[FRAME_MAX_TOKEN + 1];
	char search[INIT_MAX_SEARCH]; /* the image's PATH */
	struct interpreters interpreters;
	struct lockdown lockdown;
	struct layers layers;
	int listener, signals, epoll; /* descriptors */
	struct echo echo;
	unsigned logs_events; /* what `epoll` watches cell.run.logs_epoll for */
	struct connection connections[INIT_CONNECTIONS];
	/* The known peer has asked whether the files are there, and the answer waits for the interpreter. */
	bool owes_hello;
	uint64_t accepted;   /* peers so far */
	uint64_t generation; /* the largest of a controller that was here */
	struct cell cell;
};

/* The program without arguments. Doesn't return unless it can't start. */
int init_main(void);

/* The event loop (loop.c). Returns only when something that can't go wrong went wrong, or 0 on SIGTERM from
 * outside. */
int loop_run(struct init *init, struct error *err);
/* Its parts: once, then turn after turn. A turn ends a run whose time is over, writes what there is for peers
 * and waits for events. 1: go on; 0 and -1 as loop_run. */
int loop_start(struct init *init, struct error *err);
int loop_turn(struct init *init, struct error *err);

#endif
