/* What a browser is told of a file that a skill made, by its name alone: nobody vouches for what is in it. */
#ifndef SKILLBOX_APISERVER_REST_FILE_TYPE_H
#define SKILLBOX_APISERVER_REST_FILE_TYPE_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

#include <stdbool.h>

struct file_type {
	const char *suffix; /* ".png" */
	const char *content_type;
	bool is_shown; /* in a browser's window: a picture or plain text, which can't do anything; else it is
			  saved as a file */
};

/* By the suffix, however its letters are written. */
const struct file_type *file_type_of(struct str path);

/* Append the Content-Disposition, with the path's last part as the name. */
void file_disposition(struct buffer *out, struct str path, bool is_shown);

#endif
