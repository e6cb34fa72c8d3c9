/* Whatever a wheel or a skill's archive with wheels has in it, what comes out lies below the folder of
 * packages, is what RECORD says, and is within the limits. */
#include "lib/base/temporary.h"
#include "lib/skill/zip_write.h"
#include "lib/wheel/wheel.h"
#include "lib/wheel/wheelhouse.h"

#include "lib/base/utf8.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct archive_limits limits = {
    .max_compressed = 1 << 20, .max_unpacked = 1 << 20, .max_entries = 100, .max_ratio = 200};

/* ---- what comes */

struct seen {
	size_t files;
	uint64_t expected, got, total;
};

static void check_path(struct str path)
{
	struct str rest = path, component;
	if (path.n == 0 || path.p[0] == '/' || memchr(path.p, '\\', path.n) || !utf8_is_valid(path, NULL))
		abort();
	for (bool more = true, is_root = true; more; is_root = false) {
		more = str_split_once(rest, '/', &component, &rest);
		if (component.n == 0 || str_eq(component, STR(".")) || str_eq(component, STR("..")))
			abort();
		if (is_root &&
		    (more ? str_ends_with(component, STR(".data")) : str_ends_with(component, STR(".pth"))))
			abort();
	}
}

static void begin(struct seen *seen, const struct archive_entry *entry)
{
	check_path(str_of(entry->path));
	if (seen->got != seen->expected || (entry->mode != 0644 && entry->mode != 0755))
		abort();
	seen->files++;
	seen->total += entry->size;
	seen->expected = entry->size;
	seen->got = 0;
}

static int see_wheel_file(void *context, const struct archive_entry *entry, struct str hash,
			  struct error *err)
{
	(void)err;
	if (hash.n == 0 && !strstr(entry->path, ".dist-info/RECORD"))
		abort();
	begin(context, entry);
	return 0;
}

static int see_file(void *context, const struct archive_entry *entry, struct error *err)
{
	(void)err;
	begin(context, entry);
	return 0;
}

static int see_data(void *context, struct str piece, struct error *err)
{
	struct seen *seen = context;
	(void)err;
	seen->got += piece.n;
	if (seen->got > seen->expected)
		abort();
	return 0;
}

/* ---- how it is read */

static void read_as_wheel(int fd)
{
	struct wheel_name name;
	struct seen seen = {0};
	struct wheel_visitor visitor = {see_wheel_file, see_data, &seen};
	struct wheel_summary summary;
	struct problems problems = PROBLEMS;
	struct error err;
	if (wheel_name_parse(STR("demo-1.0-py3-none-any.whl"), &name, &err) != 0)
		abort();
	int status = wheel_read(fd, &name, &limits, &visitor, &summary, &problems, &err);
	if (status == 0 && (problems.count > 0 || seen.files < 3 || seen.got != seen.expected))
		abort();
	problems_free(&problems);
}

static void check_house(const struct wheelhouse *house, const struct seen *seen)
{
	struct str rest = str_of(house->sums), line;
	char lock[DIGEST_TEXT_SIZE];
	for (size_t i = 0; i < house->count; i++) {
		str_split_once(rest, '\n', &line, &rest);
		if (line.n < 67 ||
		    !str_eq((struct str){line.p + 66, line.n - 66}, str_of(house->packages[i].file)) ||
		    (i > 0 && strcmp(house->packages[i - 1].file, house->packages[i].file) >= 0) ||
		    strchr(house->packages[i].file, '/'))
			abort();
	}
	if (rest.n != 0 || house->file_count != seen->files || house->byte_count != (int64_t)seen->total ||
	    house->file_count > limits.max_entries || house->byte_count > limits.max_unpacked)
		abort();
	if (house->count > 0 &&
	    (digest_text(str_of(house->sums), lock, NULL) != 0 || strcmp(lock, house->lock) != 0))
		abort();
}

static void strip_it(int fd, const struct wheelhouse *house)
{
	struct seen seen = {0};
	struct wheelhouse again;
	struct error err;
	int64_t size;
	int out;
	if (wheelhouse_strip(fd, &limits, house, &out, &size, &err) != 0) {
		if (err.code != ERR_INVALID_SKILL) /* what lies beside the wheels may be damaged */
			abort();
		return;
	}
	struct wheelhouse_request request = {.zip_fd = out, .archive = &limits, .wheels = &limits};
	if (wheelhouse_read(&request, &again, &err) != 0 || again.has_wheels ||
	    strcmp(again.lock, house->lock) != 0)
		abort();
	check_house(&again, &seen);
	wheelhouse_free(&again);
	close(out);
}

static void read_as_archive(int fd)
{
	struct wheel_target target;
	struct seen seen = {0};
	struct archive_visitor visitor = {see_file, see_data, &seen};
	struct wheelhouse house;
	struct error err;
	wheel_target_parse(STR("cp312-manylinux_2_36_x86_64"), &target, NULL);
	struct wheelhouse_request request = {.zip_fd = fd,
					     .archive = &limits,
					     .wheels = &limits,
					     .target = &target,
					     .image = STR("python:3.12-slim"),
					     .visitor = &visitor};
	if (wheelhouse_read(&request, &house, &err) != 0)
		return;
	check_house(&house, &seen);
	if (house.has_wheels)
		strip_it(fd, &house);
	wheelhouse_free(&house);
}

/* ---- what is read */

/* Up to the NUL. */
static struct str take(struct str *rest)
{
	struct str part;
	str_split_once(*rest, '\0', &part, rest);
	return part;
}

/* "NAME\0BYTES\0NAME\0BYTES…" as a zip, whose checksums are right, so that what they say is looked at. A name
 * that begins with '*' is that of a wheel, of all that follows. */
static int write_entries(struct str rest)
{
	struct error err;
	int64_t size;
	int fd = temporary_file(&err);
	struct zip_writer *writer = fd < 0 ? NULL : zip_writer_new(fd, &err);
	if (!writer)
		abort();
	while (rest.n > 0) {
		struct str name = take(&rest);
		bool is_wheel = name.n > 0 && name.p[0] == '*';
		if (is_wheel)
			name = (struct str){name.p + 1, name.n - 1};
		int inner = is_wheel ? write_entries(rest) : -1;
		struct str bytes = is_wheel ? (struct str){NULL, 0} : take(&rest);
		/* a name that is none is left out */
		if (is_wheel)
			zip_writer_add(writer, name, false, inner, &err);
		else
			zip_writer_add_bytes(writer, name, bytes.n % 2, bytes, &err);
		if (!is_wheel)
			continue;
		close(inner);
		break;
	}
	if (zip_writer_end(writer, &size, &err) != 0)
		abort();
	zip_writer_free(writer);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct error err;
	bool is_zip = str_starts_with(text, STR("PK"));
	size_t depth = 0;
	for (size_t i = 0; i < size; i++)
		depth += data[i] == '*';
	if (!is_zip && depth > 4)
		return 0; /* a zip in a zip in a zip … takes its time */
	int fd = is_zip ? temporary_file(&err) : write_entries(text);
	if (fd < 0 || (is_zip && temporary_write(fd, text, &err) != 0))
		abort();
	read_as_wheel(fd);
	read_as_archive(fd);
	close(fd);
	return 0;
}
