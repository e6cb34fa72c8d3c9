/* Skills on the server. */
#ifndef SKILLBOX_CLI_SKILL_REMOTE_H
#define SKILLBOX_CLI_SKILL_REMOTE_H

#include "cli/output/print.h"
#include "cli/remote/http.h"

/* NAME VERSION DESCRIPTION */
extern const struct listing skill_listing;

/* POST a zip; where: "/v1/skills", or ".../validate". */
int skill_upload(struct http *http, const char *where, int zip_fd, int64_t size, const char *progress,
		 struct http_answer *ret, struct error *err);
/* "/v1/skills/NAME/VERSION" */
int skill_path(const char *name, const char *version, struct buffer *ret, struct error *err);

#endif
