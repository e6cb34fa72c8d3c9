#include "cli/commands.h"
#include "cli/files/whole_file.h"
#include "cli/output/print.h"
#include "cli/skill/report.h"
#include "lib/base/temporary.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK ((size_t)64 * 1024)

static int copy(int from, int to, int64_t size, struct error *err)
{
	char block[BLOCK];
	for (int64_t done = 0; done < size;) {
		ssize_t n = pread(from, block, sizeof(block), (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(err, "can't read the zip again");
		if (temporary_write(to, (struct str){block, (size_t)n}, err) != 0)
			return -1;
		done += n;
	}
	return 0;
}

static int write_zip(int fd, int64_t size, const char *path, struct error *err)
{
	cleanup_free char *temporary = NULL;
	if (whole_file_make_folders(path, 0777, err) != 0)
		return -1;
	int to = whole_file_begin(path, 0644, &temporary, err);
	if (to < 0)
		return -1;
	if (copy(fd, to, size, err) != 0) {
		whole_file_drop(to, temporary);
		return error_wrap(err, "can't write %s", path);
	}
	return whole_file_end(to, temporary, path, err);
}

static int run(const struct call *call, struct error *err)
{
	cleanup_skill_report struct skill_report report = SKILL_REPORT;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	const char *folder = call_text(call, "to");
	const struct gather gather = {.call = call};
	int status = skill_report_make(call_argument(call, 0), &gather, &report, err);
	if (status != 0)
		return status;
	if (!report.is_good)
		return skill_report_print(&report, false, stderr, err);
	const struct manifest *manifest = &report.package.manifest;
	if (folder)
		buffer_appendf(&path, "%s/", folder);
	buffer_appendf(&path, "%s-%s.zip", manifest->name, manifest->version);
	if (buffer_check(&path, "a path", err) != 0 ||
	    write_zip(report.zip_fd, report.zip_size, path.data, err) != 0 ||
	    print_text(err, "Packaged %s v%s -> %s", manifest->name, manifest->version, path.data) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command skill_package_command = {
    .path = "skill package",
    .alias = "package",
    .summary = "write a skill as NAME-VERSION.zip",
    .text =
	"The same files give the same bytes. A skill that is not right isn't packaged: see 'skillbox "
	"skill lint'.\n"
	"What requirements.txt or package.json asks for is downloaded and put in, as 'skillbox push' does\n"
	"it. Without --python the server is asked for the Python, if one is given.",
    .example = "skillbox package ./greet --to dist\n"
	       "skillbox package ./report --python 3.12",
    .arguments = {{"folder", "the skill's folder", .complete = COMPLETE_FOLDER}},
    .options = {{"to", 0, VALUE_TEXT, "FOLDER", "where the zip goes; the current folder if left out",
		 COMPLETE_FOLDER},
		GATHER_OPTIONS},
    .run = run,
};
