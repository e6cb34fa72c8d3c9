#include "cli/dev/dev_package.h"

#include "cli/command.h"
#include "cli/dev/dev_version.h"
#include "cli/files/folder.h"
#include "cli/skill/report.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define MANIFEST_MAX ((size_t)1 << 20)

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

int dev_package(const char *path, struct buffer *name, struct buffer *version, int *ret_fd, int64_t *ret_size,
		struct error *err)
{
	cleanup_skill_report struct skill_report report = {0};
	cleanup_folder struct folder folder = {0};
	cleanup_buffer struct buffer text = BUFFER(MANIFEST_MAX), changed = BUFFER(MANIFEST_MAX);
	cleanup_close int fd = -1;
	int64_t size;
	uint32_t hash;
	if (skill_report_make(path, &report, &fd, &size, err) != 0)
		return COMMAND_ERROR;
	if (!report.is_good)
		return skill_report_print(&report, false, stderr, err);
	buffer_append_c(name, report.package.manifest.name);
	if (hash_zip(fd, &hash, err) != 0 ||
	    dev_version_make(str_of(report.package.manifest.version), hash, version, err) != 0 ||
	    folder_read(path, &folder, err) != 0 ||
	    folder_read_file(&folder, folder.manifest, &text, err) != 0 ||
	    dev_version_write(buffer_str(&text), buffer_str(version), &changed, err) != 0)
		return COMMAND_ERROR;
	return folder_pack(&folder, buffer_str(&changed), ret_fd, ret_size, err);
}
