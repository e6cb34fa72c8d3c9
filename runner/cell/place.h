/* Where the skill's files, what they depend on, the input and the results are: real directories of /sandbox,
 * a volume of the Pod.
 */
#ifndef SKILLBOX_RUNNER_CELL_PLACE_H
#define SKILLBOX_RUNNER_CELL_PLACE_H

#include "lib/base/error.h"

struct place {
	const char *path;      /* of the directory that holds scripts, out and input.json: /sandbox */
	const char *installed; /* directory that nobody writes here, with the runner in it: /skillbox */
	int fd;                /* `path` */
	int scripts_fd;        /* scripts in it */
	int packages_fd;       /* packages in it: what the skill depends on */
};

void place_init(struct place *place);
void place_free(struct place *place); /* closes; leaves the files */

/* Make the directories and open those to write into. */
int place_make(struct place *place, struct error *err);

#endif
