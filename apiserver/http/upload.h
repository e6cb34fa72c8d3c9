/* A skill's zip archive on its way in: raw or as the part `file` of a form, into a temporary file, then read
 * and checked in the thread pool. */
#ifndef SKILLBOX_APISERVER_HTTP_UPLOAD_H
#define SKILLBOX_APISERVER_HTTP_UPLOAD_H

#include "apiserver/http/multipart.h"
#include "apiserver/http/request.h"
#include "lib/base/digest.h"
#include "lib/run/dependencies.h"
#include "lib/skill/skill_package.h"

struct upload;
typedef void (*upload_checked_cb)(struct request *request, struct upload *upload);

struct upload {
	int fd; /* the archive; when it was checked, the one to store, which has no wheels */
	int64_t size, max;
	struct multipart *multipart; /* NULL: a raw body */
	bool in_file_part, has_file_part;
	struct archive_limits limits;
	/* What upload_check found: */
	char digest[DIGEST_TEXT_SIZE]; /* of the archive */
	bool is_valid;                 /* package is filled; else problem says why not */
	struct skill_package package;
	struct dependencies dependencies;
	struct error problem;
	struct problems problems; /* of an archive that is no skill, one by one */
	upload_checked_cb checked;
};

/* route.begin and route.piece: request->state becomes a struct upload. */
bool upload_begin(struct request *request);
void upload_piece(struct request *request, struct str piece);

/* The body is complete: check the archive, then call done on the loop. Answers itself when there is nothing
 * to check. */
void upload_check(struct request *request, upload_checked_cb done);

#endif
