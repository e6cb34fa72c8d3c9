/* What --input names: JSON text, @FILE, or - for standard input. */
#ifndef SKILLBOX_CLI_FILES_INPUT_H
#define SKILLBOX_CLI_FILES_INPUT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#define INPUT_MAX ((size_t)16 << 20) /* as much as the server takes */

/* Append the text, which is one JSON value. given NULL: nothing. As command_fn: COMMAND_USAGE if it is no
 * JSON, and how it is given. */
int input_read(const char *given, struct buffer *out, struct error *err);

#endif
