#include "runner/cell/load.h"

#include "runner/system/beneath.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MADE_MAX (8u << 20) /* bytes of directory names; far above what a sane bundle has */

void load_init(struct load *load, const struct place *place)
{
	*load = (struct load){
	    .place = place,
	    .fd = -1,
	    .made = {BUFFER(MADE_MAX), BUFFER(MADE_MAX)},
	    .input = BUFFER(LOAD_ENV_INPUT_MAX),
	};
}

/* No space left: for whoever wrote the skill, so it says what to do about it. */
static int set_full(const struct load *load, struct str name, struct error *err)
{
	struct statvfs fs;
	unsigned long long mib = fstatvfs(load->place->fd, &fs) == 0 ? (fs.f_blocks * fs.f_frsize) >> 20 : 0;
	return error_set(
	    err, ERR_BAD_REQUEST,
	    "no space left at %.*s: the skill's files and the input need more than the sandbox's "
	    "%llu MiB (%u files and %llu bytes were counted so far): ask for more "
	    "resources.memory than the default",
	    (int)name.n, name.p, mib, load->file_count, (unsigned long long)load->byte_count);
}

static int write_error(struct load *load, struct error *err)
{
	if (errno == ENOSPC)
		return set_full(load, load->name, err);
	return error_errno(err, "write %.*s", (int)load->name.n, load->name.p);
}

int load_expect_whole(const struct load *load, struct error *err)
{
	if (load->left > 0)
		return error_set(err, ERR_PROTOCOL, "%.*s: %llu bytes are missing", (int)load->name.n,
				 load->name.p, (unsigned long long)load->left);
	return 0;
}

static int begin(struct load *load, struct str name, uint64_t size, struct error *err)
{
	memcpy(load->name_bytes, name.p, name.n);
	load->name = (struct str){load->name_bytes, name.n};
	load->left = size;
	load->byte_count += size;
	if (size == 0) { /* no DATA follows */
		if (close(load->fd) != 0)
			return write_error(load, err);
		load->fd = -1;
	}
	return 0;
}

int load_file(struct load *load, const struct frame_file *file, bool is_package, struct error *err)
{
	if (load_expect_whole(load, err) != 0)
		return -1;
	if (load->have_input)
		return error_set(err, ERR_PROTOCOL, "FILE after INPUT");
	if (load->file_count >= FRAME_MAX_BUNDLE_FILES)
		return error_set(err, ERR_BAD_REQUEST, "the skill has more than %u files",
				 FRAME_MAX_BUNDLE_FILES);
	if (file->size > FRAME_MAX_BUNDLE_BYTES || load->byte_count > FRAME_MAX_BUNDLE_BYTES - file->size)
		return error_set(err, ERR_BAD_REQUEST, "the skill has more than %llu bytes",
				 FRAME_MAX_BUNDLE_BYTES);
	/* The caller's decoder has checked the path already; nothing is written below a path that breaks the
	 * rule. */
	if (!frame_path_is_valid(file->path))
		return error_set(err, ERR_BAD_REQUEST, "FILE with a path that is not allowed");
	/* The mode may lack the write permission: the descriptor of a new file can be written all the same.
	 */
	load->fd = beneath_create(is_package ? load->place->packages_fd : load->place->scripts_fd, file->path,
				  file->mode & 0111 ? 0555 : 0444, &load->made[is_package]);
	if (load->fd < 0 && errno == ENOSPC)
		return set_full(load, file->path, err);
	if (load->fd < 0) {
		bool layout = errno == EEXIST || errno == ENOTDIR || errno == EISDIR || errno == ELOOP ||
			      errno == ENAMETOOLONG;
		error_errno(err, "create %.*s", (int)file->path.n, file->path.p);
		if (layout && err)
			err->code = ERR_BAD_REQUEST;
		return -1;
	}
	load->file_count++;
	load->have_packages |= is_package;
	return begin(load, file->path, file->size, err);
}

int load_input(struct load *load, uint64_t size, struct error *err)
{
	if (load_expect_whole(load, err) != 0)
		return -1;
	if (load->have_input)
		return error_set(err, ERR_PROTOCOL, "INPUT twice");
	if (size > FRAME_MAX_INPUT)
		return error_set(err, ERR_BAD_REQUEST, "the input has more than %llu bytes", FRAME_MAX_INPUT);
	load->fd =
	    openat(load->place->fd, NAME_INPUT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (load->fd < 0 && errno == ENOSPC)
		return set_full(load, STR(NAME_INPUT), err);
	if (load->fd < 0)
		return error_errno(err, "create input.json");
	load->have_input = true;
	load->input_size = size;
	return begin(load, STR(NAME_INPUT), size, err);
}

int load_data(struct load *load, struct str data, struct error *err)
{
	if (load->fd < 0)
		return error_set(err, ERR_PROTOCOL, "DATA without a FILE or INPUT that needs it");
	if (data.n > load->left)
		return error_set(err, ERR_PROTOCOL, "%.*s: more bytes than announced", (int)load->name.n,
				 load->name.p);
	if (load->have_input && load->input_size <= LOAD_ENV_INPUT_MAX &&
	    buffer_append_str(&load->input, data) != 0)
		return error_no_memory(err);
	load->left -= data.n;
	while (data.n > 0) {
		ssize_t n = write(load->fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return write_error(load, err);
		data.p += n;
		data.n -= (size_t)n;
	}
	if (load->left > 0)
		return 0;
	int fd = load->fd;
	load->fd = -1;
	return close(fd) == 0 ? 0 : write_error(load, err);
}

static int make_read_only(int dir_fd, const struct buffer *made, struct error *err)
{
	for (size_t at = 0; at < made->len; at += strlen(made->data + at) + 1)
		if (fchmodat(dir_fd, made->data + at, 0555, 0) != 0)
			return error_errno(err, "chmod %s", made->data + at);
	return fchmod(dir_fd, 0555) == 0 ? 0 : error_errno(err, "chmod a directory of the skill's");
}

int load_finish(struct load *load, const struct frame_start *start, struct error *err)
{
	if (load_expect_whole(load, err) != 0)
		return -1;
	if (!load->have_input)
		return error_set(err, ERR_PROTOCOL, "START without INPUT");
	if (start->file_count != load->file_count || start->byte_count != load->byte_count)
		return error_set(err, ERR_PROTOCOL,
				 "START counts %u files and %llu bytes, %u and %llu arrived",
				 start->file_count, (unsigned long long)start->byte_count, load->file_count,
				 (unsigned long long)load->byte_count);
	if (make_read_only(load->place->scripts_fd, &load->made[false], err) != 0 ||
	    make_read_only(load->place->packages_fd, &load->made[true], err) != 0)
		return -1;
	/* A volume's root directory is not ours to change. (Its owner can't be asked: in a user namespace
	 * root is shown as nobody, and nobody is what the runner is.) */
	if (fchmod(load->place->fd, 0555) != 0 && errno != EPERM)
		return error_errno(err, "chmod the sandbox's directory");
	return 0;
}

int load_discard(struct load *load, struct error *err)
{
	descriptor_close(&load->fd);
	if (beneath_empty(load->place->scripts_fd) != 0 || beneath_empty(load->place->packages_fd) != 0)
		return error_errno(err, "empty the directories of the skill");
	if (unlinkat(load->place->fd, NAME_INPUT, 0) != 0 && errno != ENOENT)
		return error_errno(err, "remove input.json");
	load_free(load);
	load_init(load, load->place);
	return 0;
}

void load_free(struct load *load)
{
	descriptor_close(&load->fd);
	buffer_free(&load->made[false]);
	buffer_free(&load->made[true]);
	buffer_free(&load->input);
}
