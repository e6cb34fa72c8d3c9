/* requirements.txt and the files that it includes, read as pip reads them, as far as is needed to tell
 * whether they changed. What they mean is pip's to say. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_REQUIREMENTS_H
#define SKILLBOX_CLI_DEPENDENCIES_REQUIREMENTS_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stddef.h>
#include <sys/types.h>

#define REQUIREMENTS_NAME "requirements.txt"
#define REQUIREMENTS_MAX ((size_t)1 << 20) /* bytes of a file, and of all that is kept here */
#define REQUIREMENTS_FILES 64

struct requirements {
	size_t count;          /* requirements, without those of constraints */
	struct buffer files;   /* "# sha256:HEX  NAME\n" of each file, in the order they are read */
	struct buffer options; /* lines with options of indexes, which a lock needs, too */
	struct buffer urls;    /* lines: requirements that are a wheel's URL or path */
	struct {
		dev_t device;
		ino_t inode;
	} seen[REQUIREMENTS_FILES]; /* that were read */
	size_t file_count;
};
#define REQUIREMENTS                                                                                         \
	((struct requirements){.files = BUFFER(REQUIREMENTS_MAX),                                            \
			       .options = BUFFER(REQUIREMENTS_MAX),                                          \
			       .urls = BUFFER(REQUIREMENTS_MAX)})

/* Of the skill in `folder`, which has the file. */
int requirements_read(const char *folder, struct requirements *ret, struct error *err);
void requirements_free(struct requirements *requirements);
#define cleanup_requirements __attribute__((cleanup(requirements_free)))

#endif
