/* A skill on this machine, on its way to a server or into a zip: its folder, or a zip of one. */
#ifndef SKILLBOX_CLI_SKILL_SOURCE_H
#define SKILLBOX_CLI_SKILL_SOURCE_H

#include "cli/dependencies/gather.h"
#include "cli/files/folder.h"

struct skill_source {
	bool is_folder;
	struct folder folder;
	int zip_fd; /* of a zip; -1: of a folder */
	int64_t zip_size;
};
#define SKILL_SOURCE ((struct skill_source){.zip_fd = -1})

int skill_source_open(const char *path, struct skill_source *ret, struct error *err);
void skill_source_free(struct skill_source *source);
#define cleanup_skill_source __attribute__((cleanup(skill_source_free)))

/* With the packages that it asks for: of a folder. 0, -1, COMMAND_USAGE or COMMAND_INTERRUPTED. */
int skill_source_gather(struct skill_source *source, const struct gather *gather, struct error *err);

/* A descriptor of its zip, which the caller closes. */
int skill_source_zip(const struct skill_source *source, const struct folder_packing *how, int *ret_fd,
		     int64_t *ret_size, struct error *err);

/* Push it: first without its wheels' bytes, which the server may have from another version. manifest: instead
 * of its SKILL.md; p NULL: as it is. 0, -1 or COMMAND_INTERRUPTED. */
int skill_source_push(const struct skill_source *source, struct http *http, struct str manifest,
		      const char *progress, struct http_answer *ret, struct error *err);

#endif
