#include "apiserver/execution/file.h"

#include "apiserver/execution/find.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "lib/base/temporary.h"
#include "lib/base/utf8.h"
#include "lib/skill/tar_reader.h"

#include <stdlib.h>
#include <unistd.h>

static const char what_failed[] = "the file could not be read from storage";

struct reading {
	struct operation operation;
	struct execution_file_listener listener; /* done NULL: it was called */
	struct shared_execution *shared;
	char *id, *path;
	int archive_fd; /* -1: not there yet */
	struct usage_hold archive_hold;
	/* The thread pool's while work is under way. */
	struct tar_reader *reader;
	int64_t size, offset;
	struct execution_file file;
	struct error error;
	int result;
};

static struct reading *of(struct operation *operation)
{
	return (struct reading *)operation;
}

/* The file, or nothing with failure NULL: the listener ended it. */
static void end(struct reading *reading, const struct error *failure)
{
	void (*done)(void *context, struct execution_file *file, const struct error *failure) =
	    reading->listener.done;
	reading->listener.done = NULL;
	if (!done)
		return;
	if (failure && reading->file.fd >= 0) {
		close(reading->file.fd);
		reading->file.fd = -1;
	}
	done(reading->listener.context, &reading->file, failure);
	usage_release(&reading->file.hold); /* what it left */
}

static void fail(struct reading *reading, const struct error *err)
{
	struct error failure;
	failure_of_fault(reading->operation.caller, what_failed, err, &failure);
	end(reading, &failure);
}

static void reading_free(struct operation *operation)
{
	struct reading *reading = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(reading, &failure);
	tar_reader_close(reading->reader);
	if (reading->archive_fd >= 0)
		close(reading->archive_fd);
	usage_release(&reading->archive_hold);
	shared_execution_unref(reading->shared);
	free(reading->id);
	free(reading->path);
	free(reading);
}

static void refuse_unknown(struct reading *reading)
{
	struct error failure;
	struct str id = str_of(reading->id), path = str_of(reading->path);
	error_set(&failure, ERR_NOT_FOUND,
		  "execution %.*s has no file \"%.*s\": files_list in its record has the names of all",
		  utf8_shown(id), id.p, utf8_shown(path), path.p);
	end(reading, &failure);
}

/* Room for a temporary file: there is nothing wrong with what was asked for. */
static int take_room(struct reading *reading, int64_t size, struct usage_hold *hold, struct error *err)
{
	const struct operation *operation = &reading->operation;
	if (usage_take(operation->server->usage, operation->caller->tenant, USAGE_FILES, size, hold, err) ==
	    0)
		return 0;
	err->code = ERR_UNAVAILABLE;
	return -1;
}

/* The second time in the thread pool: out with it */

static void copy(struct operation *operation)
{
	struct reading *reading = of(operation);
	reading->file.fd = temporary_file(&reading->error);
	reading->result = reading->file.fd < 0
			      ? -1
			      : tar_reader_copy(reading->reader, reading->offset, reading->file.length,
						reading->file.fd, &reading->error);
}

static void on_copied(struct operation *operation)
{
	struct reading *reading = of(operation);
	if (reading->result != 0)
		fail(reading, &reading->error);
	else
		end(reading, NULL);
}

/* The first time: as far as the file */

static void find_in_archive(struct operation *operation)
{
	struct reading *reading = of(operation);
	const struct tar_limits limits = {.max_unpacked = operation->server->config->policy.max_files_size +
							  CONFIG_FILES_OVERHEAD,
					  .max_entries = EXECUTION_MAX_FILES};
	reading->reader = tar_reader_open(reading->archive_fd, &limits, &reading->error);
	reading->result = reading->reader ? tar_reader_find(reading->reader, str_of(reading->path),
							    &reading->size, &reading->error)
					  : -1;
}

static void on_found_in_archive(struct operation *operation)
{
	struct reading *reading = of(operation);
	struct error err;
	if (!reading->listener.done)
		return;
	if (reading->result != 0 && reading->error.code == ERR_NOT_FOUND)
		refuse_unknown(reading);
	else if (reading->result != 0)
		fail(reading, &reading->error);
	else if (!reading->listener.found(reading->listener.context, reading->size, &reading->offset,
					  &reading->file.length))
		end(reading, NULL);
	else if (take_room(reading, reading->file.length, &reading->file.hold, &err) != 0 ||
		 operation_work(operation, copy, on_copied, &err) != 0)
		end(reading, &err);
}

/* The archive */

static void on_archive(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct reading *reading = of(operation);
	struct error err;
	(void)size;
	if (error) {
		fail(reading, error);
		return;
	}
	reading->archive_fd = fd;
	if (operation_work(operation, find_in_archive, on_found_in_archive, &err) != 0)
		end(reading, &err);
}

/* A blob of the embedded store is read where it lies; of S3 it becomes a temporary file. */
static void fetch(struct reading *reading)
{
	struct error err;
	const struct apiserver *server = reading->operation.server;
	const struct blob_ref *ref = &reading->shared->execution->status.files_ref;
	struct blob_key key = {BLOB_EXECUTIONS, reading->operation.caller->tenant, ref->digest};
	if (!reading->listener.known(reading->listener.context, ref->digest)) {
		end(reading, NULL);
		return;
	}
	if (server->s3_client && ref->size > 0 &&
	    take_room(reading, ref->size, &reading->archive_hold, &err) != 0) {
		end(reading, &err);
		return;
	}
	if (operation_blob_get(&reading->operation, &key,
			       server->config->policy.max_files_size + CONFIG_FILES_OVERHEAD, on_archive,
			       &err) != 0)
		fail(reading, &err);
}

/* A name that isn't listed is in no archive: whatever it looks like, it leads nowhere. */
static bool is_listed(const struct execution *execution, struct str path)
{
	for (size_t i = 0; i < execution->status.file_count; i++)
		if (str_eq(str_of(execution->status.files[i]), path))
			return true;
	return false;
}

/* execution_found_cb; it holds a reference. */
static void on_found(void *context, const struct shared_execution *execution, const struct error *failure)
{
	struct reading *reading = context;
	if (failure) {
		end(reading, failure);
	} else if (!execution->execution->status.files_ref.digest ||
		   !is_listed(execution->execution, str_of(reading->path))) {
		refuse_unknown(reading);
	} else {
		reading->shared = shared_execution_ref(execution);
		fetch(reading);
	}
	operation_unref(&reading->operation);
}

static struct reading *reading_new(struct str id, struct str path)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	if (!reading)
		return NULL;
	reading->id = str_dup(id);
	reading->path = str_dup(path);
	if (reading->id && reading->path)
		return reading;
	free(reading->id);
	free(reading->path);
	free(reading);
	return NULL;
}

void execution_file(struct apiserver *server, struct caller *caller, struct str id, struct str path,
		    const struct execution_file_listener *listener)
{
	struct execution_file none = {.fd = -1};
	struct error err;
	struct reading *reading = reading_new(id, path);
	if (!reading) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		listener->done(listener->context, &none, &err);
		return;
	}
	operation_init(&reading->operation, server, caller, reading_free); /* the search's reference */
	reading->listener = *listener;
	reading->archive_fd = reading->file.fd = -1;
	execution_find(server, caller, str_of(reading->id), on_found, reading);
}
