/* Why a script failed, in its own words: the end of its log, read as people read it.
 *
 * The last thing that looks like what ended a program: the exception below a traceback or above a stack, a
 * panic, a line that says "fatal" or "error:". Not simply the last line, since much comes behind what
 * matters: the rest of a stack, a version, what is said at exit, warnings, help. Where nothing looks like an
 * error, the last line.
 *
 * The log is the only source, for an interpreter that had waited as for any other program, so that all are
 * told about in the same way. It is the script's, so what is made of it are words, and bounded. */
#ifndef SKILLBOX_RUNNER_CELL_REASON_H
#define SKILLBOX_RUNNER_CELL_REASON_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

/* `errors`, `output`: the ends of stderr and stdout. stdout counts only where stderr has nothing to say (it
 * is often sent there), and only for what is an error beyond doubt. Appends one line of UTF-8, trimmed, of at
 * most FRAME_MAX_REASON bytes; nothing if there is no reason to be found. */
int reason_find(struct str errors, struct str output, struct buffer *out, struct error *err);

#endif
