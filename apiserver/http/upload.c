#include "apiserver/http/upload.h"

#include "apiserver/http/answer.h"
#include "lib/base/digest.h"
#include "lib/base/temporary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static void upload_free(void *state)
{
	struct upload *upload = state;
	if (upload->fd >= 0)
		close(upload->fd);
	multipart_free(upload->multipart);
	if (upload->is_valid)
		skill_package_free(&upload->package);
	dependencies_free(&upload->dependencies);
	problems_free(&upload->problems);
	free(upload);
}

static int write_archive(struct upload *upload, struct str data, struct error *err)
{
	if (upload->size + (int64_t)data.n > upload->max)
		return error_set(err, ERR_TOO_LARGE,
				 "the skill is larger than %" PRId64
				 " bytes, the limit (SKILLBOX_MAX_SKILL_SIZE)",
				 upload->max);
	while (data.n) {
		ssize_t n = write(upload->fd, data.p, data.n);
		if (n < 0 && errno != EINTR)
			return error_errno(err, "writing an upload to a temporary file");
		size_t done = n > 0 ? (size_t)n : 0;
		data = (struct str){data.p + done, data.n - done};
		upload->size += (int64_t)done;
	}
	return 0;
}

static int on_part_begin(void *context, struct str name, struct error *err)
{
	struct upload *upload = context;
	upload->in_file_part = str_eq(name, STR("file"));
	if (upload->in_file_part && upload->has_file_part)
		return error_set(err, ERR_BAD_REQUEST, "the multipart form has more than one 'file' field");
	upload->has_file_part |= upload->in_file_part;
	return 0;
}

static int on_part_data(void *context, struct str data, struct error *err)
{
	struct upload *upload = context;
	return upload->in_file_part ? write_archive(upload, data, err) : 0;
}

/* The names that browsers and systems have for a zip. */
static bool is_archive_type(struct str type)
{
	static const char *const types[] = {"application/zip", "application/x-zip-compressed",
					    "application/x-zip", "application/octet-stream"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq_ignore_case(type, str_of(types[i])))
			return true;
	return false;
}

/* Raw or form? */
static int choose_form(struct request *request, struct upload *upload, struct error *err)
{
	struct str header, type, parameters, boundary;
	if (!http_exchange_header(request->exchange, "Content-Type", &header) || str_trim(header).n == 0)
		return error_set(err, ERR_UNSUPPORTED_MEDIA_TYPE,
				 "Content-Type is missing: send application/zip or multipart/form-data");
	str_split_once(header, ';', &type, &parameters);
	type = str_trim(type);
	if (is_archive_type(type)) {
		if (http_exchange_content_length(request->exchange) > upload->max)
			return error_set(err, ERR_TOO_LARGE,
					 "the skill is larger than %" PRId64
					 " bytes, the limit (SKILLBOX_MAX_SKILL_SIZE)",
					 upload->max);
		return 0;
	}
	if (!str_eq_ignore_case(type, STR("multipart/form-data")))
		return error_set(
		    err, ERR_UNSUPPORTED_MEDIA_TYPE,
		    "Content-Type %.*s is not supported: send application/zip or multipart/form-data",
		    (int)(type.n < 128 ? type.n : 128), type.p);
	if (multipart_boundary(header, &boundary, err) != 0)
		return -1;
	struct multipart_handler handler = {on_part_begin, on_part_data, upload};
	upload->multipart = multipart_new(boundary, &handler, err);
	return upload->multipart ? 0 : -1;
}

bool upload_begin(struct request *request)
{
	struct error err;
	struct upload *upload = calloc(1, sizeof(*upload));
	if (!upload) {
		answer_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return false;
	}
	upload->fd = -1;
	upload->dependencies = DEPENDENCIES_NONE;
	upload->max = request->operation.server->config->max_skill_size;
	upload->limits = archive_limits_default;
	upload->limits.max_compressed = upload->max;
	request_set_state(request, upload, upload_free);
	if (operation_work_check(request->operation.server, request->operation.caller, &err) != 0 ||
	    choose_form(request, upload, &err) != 0) {
		answer_error(request, &err);
		return false;
	}
	upload->fd = temporary_file(&err);
	if (upload->fd < 0)
		answer_fault(request, "the upload could not be stored", &err);
	return upload->fd >= 0;
}

void upload_piece(struct request *request, struct str piece)
{
	struct upload *upload = request->state;
	struct error err;
	int result = upload->multipart ? multipart_feed(upload->multipart, piece, &err)
				       : write_archive(upload, piece, &err);
	if (result != 0)
		answer_error(request, &err);
}

/* What is stored of an archive with wheels is one without. */
static void take_stripped(struct upload *upload)
{
	struct dependencies *dependencies = &upload->dependencies;
	if (dependencies->archive_fd < 0)
		return;
	close(upload->fd);
	upload->fd = dependencies->archive_fd;
	upload->size = dependencies->archive_size;
	dependencies->archive_fd = -1;
}

static int read_all(struct upload *upload, const struct policy *policy)
{
	struct error *err = &upload->problem;
	if (skill_package_examine(upload->fd, &upload->limits, &upload->package, &upload->problems, err) != 0)
		return -1;
	int status = dependencies_read(upload->fd, &upload->limits, &upload->package, policy,
				       &upload->dependencies, &upload->problems, err);
	if (status == 0) {
		take_stripped(upload);
		status = digest_file_text(upload->fd, 0, upload->size, upload->digest, err);
	}
	if (status != 0)
		skill_package_free(&upload->package);
	return status;
}

/* In the thread pool: nobody else touches the upload meanwhile, also when the client has hung up. */
static void check_in_pool(struct operation *operation)
{
	struct upload *upload = request_of(operation)->state;
	upload->is_valid = read_all(upload, &operation->server->config->policy) == 0;
	if (!upload->is_valid && upload->problem.code == ERR_NONE)
		problems_error(&upload->problems, &upload->problem);
	if (upload->is_valid) /* it may be large, and only what is known of it matters from here on */
		archive_content_free(&upload->package.content);
}

static void on_checked(struct operation *operation)
{
	struct request *request = request_of(operation);
	struct upload *upload = request->state;
	upload->checked(request, upload);
}

void upload_check(struct request *request, upload_checked_cb done)
{
	struct upload *upload = request->state;
	struct error err;
	upload->checked = done;
	if (upload->multipart && request->body_received > 0 && multipart_finish(upload->multipart, &err) != 0)
		answer_error(request, &err);
	else if (upload->multipart && !upload->has_file_part)
		answer_refuse(request, ERR_BAD_REQUEST, "missing 'file' field in multipart form");
	else if (upload->size == 0)
		answer_refuse(request, ERR_BAD_REQUEST, "empty zip data");
	else if (operation_work(&request->operation, check_in_pool, on_checked, &err) == 0)
		return;
	else if (err.code == ERR_NO_CAPACITY)
		answer_error(request, &err);
	else
		answer_fault(request, "the upload could not be checked", &err);
}
