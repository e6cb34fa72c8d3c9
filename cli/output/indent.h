/* JSON for people: the same bytes with line ends and blanks between them. */
#ifndef SKILLBOX_CLI_OUTPUT_INDENT_H
#define SKILLBOX_CLI_OUTPUT_INDENT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

/* Append the value with two blanks a level; every digit, escape, key and their order is kept. Text that is no
 * JSON is ERR_BAD_REQUEST; what is nested so deep that its blanks would be more than its text is appended as
 * it stands. */
int json_indent(struct str text, struct buffer *out, struct error *err);

#endif
