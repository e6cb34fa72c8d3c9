#include "cli/skill/source.h"

#include "cli/skill/remote.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int skill_source_open(const char *path, struct skill_source *ret, struct error *err)
{
	struct stat status;
	*ret = SKILL_SOURCE;
	if (stat(path, &status) != 0)
		return error_errno(err, "can't read %s", path);
	ret->is_folder = S_ISDIR(status.st_mode);
	if (ret->is_folder)
		return folder_read(path, &ret->folder, err);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERR_INVALID_SKILL, "%s is neither a folder nor a zip", path);
	ret->zip_fd = open(path, O_RDONLY | O_CLOEXEC);
	ret->zip_size = status.st_size;
	return ret->zip_fd >= 0 ? 0 : error_errno(err, "can't read %s", path);
}

void skill_source_free(struct skill_source *source)
{
	folder_free(&source->folder);
	if (source->zip_fd >= 0)
		close(source->zip_fd);
	*source = SKILL_SOURCE;
}

int skill_source_gather(struct skill_source *source, const struct gather *gather, struct error *err)
{
	return source->is_folder ? gather_packages(&source->folder, gather, err) : 0;
}

int skill_source_zip(const struct skill_source *source, const struct folder_packing *how, int *ret_fd,
		     int64_t *ret_size, struct error *err)
{
	if (source->is_folder)
		return folder_pack(&source->folder, how, ret_fd, ret_size, err);
	int fd = fcntl(source->zip_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, "can't read the zip");
	*ret_fd = fd;
	*ret_size = source->zip_size;
	return 0;
}

static int push(const struct skill_source *source, struct http *http, const struct folder_packing *how,
		const char *progress, struct http_answer *ret, struct error *err)
{
	cleanup_close int fd = -1;
	int64_t size;
	if (skill_source_zip(source, how, &fd, &size, err) != 0)
		return -1;
	return skill_upload(http, "/v1/skills", fd, size, progress, ret, err);
}

/* A server that knows nothing of package sets would take the sums for a skill without packages. The question
 * about its images came with them. */
static int knows_sets(struct http *http, bool *ret, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	const struct http_request request = {.method = "GET", .path = "/v1/images"};
	int status = http_send(http, &request, &answer, err);
	*ret = status == 0;
	return status == -1 && answer.status == 404 ? 0 : status;
}

int skill_source_push(const struct skill_source *source, struct http *http, struct str manifest,
		      const char *progress, struct http_answer *ret, struct error *err)
{
	struct folder_packing how = {.manifest = manifest};
	bool knows = false;
	int status;
	if (source->is_folder && folder_has_wheels(&source->folder)) {
		if ((status = knows_sets(http, &knows, err)) != 0)
			return status;
		how.sums_for_wheels = knows;
	}
	status = push(source, http, &how, progress, ret, err);
	if (!how.sums_for_wheels || status != -1 || ret->status != 409 ||
	    strcmp(ret->error_code, "packages_missing") != 0)
		return status;
	http_answer_free(ret);
	*ret = HTTP_ANSWER;
	how.sums_for_wheels = false;
	return push(source, http, &how, progress, ret, err);
}
