#include "cli/files/input.h"

#include "cli/command.h"
#include "cli/files/whole_file.h"
#include "lib/base/jsontext.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_source(const char *given, struct buffer *out, struct error *err)
{
	if (strcmp(given, "-") == 0 || strcmp(given, "@-") == 0)
		return whole_file_read(STDIN_FILENO, "standard input", out, err);
	if (given[0] != '@')
		return buffer_append_c(out, given) == 0 ? 0 : buffer_check(out, "--input", err);
	struct stat status;
	cleanup_close int fd = open(given + 1, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "--input %s: can't read %s", given, given + 1);
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
		return error_set(err, ERR_BAD_REQUEST, "--input %s: %s is a folder", given, given + 1);
	return whole_file_read(fd, given + 1, out, err);
}

static int read_input(const char *given, struct buffer *out, struct error *err)
{
	struct stat status;
	if (!given)
		return 0;
	if (read_source(given, out, err) != 0)
		return -1;
	if (jsontext_check(buffer_str(out), NULL, err) == 0)
		return 0;
	if (given[0] == '@' || strcmp(given, "-") == 0)
		return error_wrap(err, "--input %s", given);
	error_wrap(err, "--input");
	if (stat(given, &status) == 0)
		return error_set(err, ERR_BAD_REQUEST, "--input '%s' is a file's name: write --input @%s",
				 given, given);
	struct error why = *err;
	return error_set(err, ERR_BAD_REQUEST,
			 "%s; a text is written '\"text\"', a file @FILE, standard input -", why.message);
}

int input_read(const char *given, struct buffer *out, struct error *err)
{
	if (read_input(given, out, err) == 0)
		return 0;
	return err->code == ERR_BAD_REQUEST ? COMMAND_USAGE : COMMAND_ERROR;
}
