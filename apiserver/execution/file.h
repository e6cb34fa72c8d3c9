/* One of the files that an execution made, out of its archive: all of it or a part. Only the archive is kept,
 * so what is before the file in it is inflated each time, in the thread pool, one after the other and tenants
 * in turn (operation_work); what is wanted goes to a temporary file, which counts as one. */
#ifndef SKILLBOX_APISERVER_EXECUTION_FILE_H
#define SKILLBOX_APISERVER_EXECUTION_FILE_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "apiserver/usage.h"

struct execution_file {
	int fd; /* the callee's, from its beginning; -1: the listener ended it */
	int64_t length;
	struct usage_hold hold; /* of the file: the callee moves it to where it belongs */
};

struct execution_file_listener {
	/* The execution has a file of that name; digest: of all its files together, which never change.
	 * false: it ends here. */
	bool (*known)(void *context, const char *digest);
	/* It has so many bytes: so many are wanted, from there on. false: it ends here. */
	bool (*found)(void *context, int64_t size, int64_t *ret_offset, int64_t *ret_length);
	/* Called once, last; or the failure, as clients may see it. */
	void (*done)(void *context, struct execution_file *file, const struct error *failure);
	void *context;
};

/* Of an execution of the caller's tenant, by a name of its files_list; at once or later. ERR_NOT_FOUND for
 * any other name. */
void execution_file(struct apiserver *server, struct caller *caller, struct str id, struct str path,
		    const struct execution_file_listener *listener);

#endif
