#include "cli/skill/remote.h"

#include <string.h>

static const struct column columns[] = {
    {"NAME", "name", 40}, {"VERSION", "version", 20}, {"DESCRIPTION", "description", 60}, {0}};
const struct listing skill_listing = {columns, "name", "version",
				      "There are no skills yet: 'skillbox skill push' brings one"};

int skill_upload(struct http *http, const char *where, int zip_fd, int64_t size, const char *progress,
		 struct http_answer *ret, struct error *err)
{
	struct http_request request = {.method = "POST",
				       .path = where,
				       .content_type = "application/zip",
				       .body_fd = zip_fd,
				       .body_size = size,
				       .progress = progress};
	return http_send(http, &request, ret, err);
}

int skill_path(const char *name, const char *version, struct buffer *ret, struct error *err)
{
	const char *parts[] = {name, version};
	buffer_append_c(ret, "/v1/skills");
	for (int i = 0; i < 2; i++) {
		if (strcmp(parts[i], ".") == 0 || strcmp(parts[i], "..") == 0)
			return error_set(err, ERR_BAD_REQUEST, "'%s' is no %s of a skill", parts[i],
					 i == 0 ? "name" : "version");
		buffer_append_byte(ret, '/');
		http_escape(ret, str_of(parts[i]));
	}
	return buffer_check(ret, "the skill's name", err);
}
