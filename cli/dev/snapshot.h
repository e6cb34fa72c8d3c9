/* Has a folder changed? By the names, sizes and times of its files, looked at again and again: on any system.
 */
#ifndef SKILLBOX_CLI_DEV_SNAPSHOT_H
#define SKILLBOX_CLI_DEV_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

/* What the folder is like now; 0 where it can't be read. */
uint64_t snapshot_take(const char *folder);

/* Wait until it is another than `before`, and then until it is still: an editor writes more than one file.
 * False: Ctrl-C (interrupt.h) came. */
bool snapshot_wait(const char *folder, uint64_t before);

#endif
