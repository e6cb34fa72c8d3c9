/* Ctrl-C, for commands that have something to end before they go. */
#ifndef SKILLBOX_CLI_TERMINAL_INTERRUPT_H
#define SKILLBOX_CLI_TERMINAL_INTERRUPT_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* From now on the first SIGINT or SIGTERM is remembered; a second one ends the program, as usual. Until this
 * is called, the first does. */
int interrupt_catch(struct error *err);
bool interrupt_came(void);
/* Readable once it came; -1 if it isn't caught. */
int interrupt_fd(void);
/* Forget it, so that what ends things can go on. */
void interrupt_forget(void);
/* Wait so long; false if it came meanwhile. */
bool interrupt_sleep(int64_t milliseconds);

#endif
