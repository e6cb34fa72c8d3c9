#include "cli/dev/dev_package.h"

#include "cli/command.h"
#include "cli/dev/dev_version.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* A digest of the bytes, good enough to tell one save from another. */
static int hash_zip(int fd, uint32_t *ret, struct error *err)
{
	unsigned char block[65536];
	uint64_t value = 14695981039346656037u; /* FNV-1a */
	for (int64_t done = 0;;) {
		ssize_t n = pread(fd, block, sizeof(block), (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "can't read the zip again");
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			value = (value ^ block[i]) * 1099511628211u;
		done += n;
	}
	*ret = (uint32_t)(value ^ value >> 32);
	return 0;
}

void dev_package_free(struct dev_package *package)
{
	skill_report_free(&package->report);
	buffer_free(&package->name);
	buffer_free(&package->version);
	buffer_free(&package->manifest);
}

int dev_package_make(const char *path, const struct gather *gather, struct dev_package *ret,
		     struct error *err)
{
	struct skill_report *report = &ret->report;
	cleanup_buffer struct buffer text = BUFFER(DEV_MANIFEST_MAX);
	const struct folder *folder = &report->source.folder;
	uint32_t hash;
	int status = skill_report_make(path, gather, report, err);
	if (status != 0)
		return status;
	if (!report->is_good)
		return skill_report_print(report, false, stderr, err);
	if (!report->source.is_folder)
		return error_set(err, ERR_INVALID_SKILL, "%s is no folder: only a folder can be tried out",
				 path);
	buffer_append_c(&ret->name, report->package.manifest.name);
	if (hash_zip(report->zip_fd, &hash, err) != 0 ||
	    dev_version_make(str_of(report->package.manifest.version), hash, &ret->version, err) != 0 ||
	    folder_read_file(folder, folder->manifest, &text, err) != 0)
		return -1;
	return dev_version_write(buffer_str(&text), buffer_str(&ret->version), &ret->manifest, err);
}

int dev_package_push(const struct dev_package *package, struct http *http, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	return skill_source_push(&package->report.source, http, buffer_str(&package->manifest), "pushing",
				 &answer, err);
}
