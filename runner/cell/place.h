/* Where the skill's files, its input, its results and its temporary files are.
 *
 * Two layouts, which look the same to the script:
 *   volumes    /sandbox and /tmp are volumes of the Pod.
 *   no volume  /sandbox is a directory of the image, read-only. scripts, out and input.json in it are
 *              symbolic links of the image to /dev/shm/.sandbox, and /tmp is one to /dev/shm, which every
 *              Pod has (64 MiB): a volume costs a third of a second of a Pod's start. /tmp is /dev/shm
 *              itself because gVisor, which mounts a tmpfs on /tmp, doesn't start a container whose /tmp
 *              leads nowhere. */
#ifndef SKILLBOX_RUNNER_CELL_PLACE_H
#define SKILLBOX_RUNNER_CELL_PLACE_H

#include "lib/base/error.h"

#include <stdbool.h>

struct place {
	bool in_shm;      /* the layout without volumes */
	const char *path; /* of the directory that holds scripts, out and input.json */
	int directory_fd; /* /sandbox, the script's working directory */
	int fd;           /* `path` */
	int scripts_fd;   /* scripts in it */
};

void place_init(struct place *place);
void place_free(struct place *place); /* closes; leaves the files */

/* Which of the layouts this is: does /sandbox/out lead to /dev/shm? */
void place_find(struct place *ret);
/* Make the directories and open those to write into. */
int place_make(struct place *place, struct error *err);
/* Open the working directory, as the script is going to see it. */
int place_enter(struct place *place, struct error *err);

#endif
