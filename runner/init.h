/* PID 1 of a sandbox. */
#ifndef SKILLBOX_RUNNER_INIT_H
#define SKILLBOX_RUNNER_INIT_H

#include "runner/cell/echo.h"
#include "runner/cell/job.h"
#include "runner/cell/park.h"
#include "runner/cell/place.h"
#include "runner/cell/result.h"
#include "runner/cell/run.h"
#include "runner/channel/connection.h"
#include "runner/isolation/enclosure.h"
#include "runner/isolation/layers.h"
#include "runner/isolation/lockdown.h"
#include "runner/system/interpreter.h"

#define INIT_CONNECTIONS 4 /* the one that counts, and some that have yet to say HELLO */

struct init {
	char token[FRAME_MAX_TOKEN + 1];
	char search[4096]; /* the image's PATH */
	struct interpreters interpreters;
	struct lockdown lockdown;
	struct layers layers;
	struct place place;
	struct enclosure enclosure;
	int listener, signals, epoll; /* descriptors */
	struct echo echo;
	unsigned logs_events; /* what `epoll` watches run.logs_epoll for */
	struct connection connections[INIT_CONNECTIONS];
	uint64_t accepted; /* peers so far */
	struct job job;
	struct run run;
	struct park park;
	struct result result;
};

/* The program without arguments. Doesn't return unless it can't start. */
int init_main(void);

/* The event loop (loop.c). Returns only when something that can't go wrong went wrong, or 0 on SIGTERM from
 * outside. */
int loop_run(struct init *init, struct error *err);

#endif
