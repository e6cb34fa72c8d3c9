#include "lib/wheel/wheelhouse_internal.h"

#include "lib/base/id.h"
#include "lib/base/temporary.h"
#include "lib/wheel/requirements.h"

#include <stdlib.h>

const struct archive_limits wheelhouse_limits_default = {
    .max_compressed = INT64_MAX,
    .max_unpacked = INT64_C(512) << 20,
    .max_entries = 20000,
    .max_ratio = 200,
};

/* ---- the archive: which of its files are looked at */

struct house_wheel *house_add_wheel(struct house *house, struct str file, const char *where,
				    struct error *err)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	struct error why;
	struct house_wheel *wheel = &house->wheels[house->count];
	if (house->count == WHEELHOUSE_WHEELS_MAX) {
		if (!house->has_too_many)
			problems_add(house->problems,
				     "wheels/ has more than %d wheels: leave out what the skill doesn't "
				     "need, or use an "
				     "image that has the packages",
				     WHEELHOUSE_WHEELS_MAX);
		house->has_too_many = true;
		return NULL;
	}
	*wheel = (struct house_wheel){.file = str_dup(file), .fd = -1};
	if (!wheel->file) {
		house->problems->no_memory = true;
		error_no_memory(err);
		return NULL;
	}
	if (wheel_name_parse(str_of(wheel->file), &wheel->name, &why) != 0) {
		problems_add(house->problems, "%s%s: %s", where, problems_show(file, shown), why.message);
		free(wheel->file);
		return NULL;
	}
	house->count++;
	return wheel;
}

static bool is_source(struct str name)
{
	static const char *const suffixes[] = {".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip", ".tar"};
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (str_ends_with(name, str_of(suffixes[i])))
			return true;
	return false;
}

static void refuse_file(struct house *house, struct str name)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	problems_show(name, shown);
	if (is_source(name))
		problems_add(
		    house->problems,
		    "wheels/%s is a source distribution, which would have to run its setup code to be "
		    "installed: bring a wheel of the package (pip download --only-binary :all:, or pip wheel "
		    "where it can be built)",
		    shown);
	else
		problems_add(house->problems, "wheels/ may hold wheels only (*.whl): \"wheels/%s\" is none",
			     shown);
}

/* 0: its bytes are wanted, 1: not, -1: error. */
static int begin_text(struct house *house, struct house_text *text, const struct archive_entry *entry)
{
	text->is_there = true;
	text->size = entry->size;
	if (text->size > text->bytes.max) {
		problems_add(house->problems, "%s has %zu bytes, at most %zu are allowed", entry->path,
			     text->size, text->bytes.max);
		return 1;
	}
	house->text = text;
	return 0;
}

static int finish_wheel(struct house *house, struct error *err)
{
	unsigned char raw[32];
	if (house->left > 0 || !house->digest)
		return 0;
	int status = digest_finish(house->digest, raw, err);
	house->digest = digest_free(house->digest);
	id_hex(raw, sizeof(raw), house->wheels[house->count - 1].sha256);
	return status;
}

static int begin_wheel(struct house *house, struct str name, size_t size, struct error *err)
{
	house->has_wheels = true;
	struct house_wheel *wheel = house_add_wheel(house, name, WHEELHOUSE_FOLDER, err);
	if (!wheel)
		return house->problems->no_memory ? -1 : 1;
	wheel->fd = temporary_file(err);
	if (wheel->fd < 0)
		return -1;
	house->digest = digest_new(err);
	house->left = size;
	return house->digest ? finish_wheel(house, err) : -1;
}

static int see_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct house *house = context;
	struct str path = str_of(entry->path), folder = STR(WHEELHOUSE_FOLDER);
	house->text = NULL;
	if (str_eq(path, STR("requirements.txt")))
		return begin_text(house, &house->requirements, entry);
	if (str_eq(path, STR("requirements.lock")))
		return begin_text(house, &house->lock, entry);
	if (str_eq(path, STR(WHEELHOUSE_SUMS)))
		return begin_text(house, &house->sums, entry);
	if (!str_starts_with(path, folder))
		return 1;
	struct str name = {path.p + folder.n, path.n - folder.n};
	if (!memchr(name.p, '/', name.n) && str_ends_with(name, STR(".whl")))
		return begin_wheel(house, name, entry->size, err);
	refuse_file(house, name);
	return 1;
}

static int see_data(void *context, struct str piece, struct error *err)
{
	struct house *house = context;
	if (house->text)
		return buffer_append_str(&house->text->bytes, piece) != 0 ? error_no_memory(err) : 0;
	if (piece.n == 0)
		return 0;
	house->left -= piece.n;
	if (temporary_write(house->wheels[house->count - 1].fd, piece, err) != 0 ||
	    digest_update(house->digest, piece.p, piece.n, err) != 0)
		return -1;
	return finish_wheel(house, err);
}

/* ---- the wheels as a whole */

static int by_file(const void *left, const void *right)
{
	const struct house_wheel *a = left, *b = right;
	return strcmp(a->file, b->file);
}

/* Names are few enough to be compared each with each. */
static void check_names(struct house *house)
{
	for (size_t i = 0; i < house->count; i++)
		for (size_t k = i + 1; k < house->count; k++) {
			const struct wheel_name *a = &house->wheels[i].name, *b = &house->wheels[k].name;
			if (wheel_project_compare(a->name, b->name) != 0)
				continue;
			problems_add(
			    house->problems,
			    "wheels/%.*s and wheels/%.*s are of one package: only one of them can be "
			    "imported, leave out the other",
			    (int)a->file.n, a->file.p, (int)b->file.n, b->file.p);
			break;
		}
}

static void check_targets(struct house *house)
{
	const struct wheelhouse_request *request = house->request;
	for (size_t i = 0; request->target && i < house->count; i++) {
		const struct wheel_name *name = &house->wheels[i].name;
		cleanup_buffer struct buffer text = BUFFER(4096);
		if (wheel_name_fits(name, request->target))
			continue;
		buffer_append_c(&text, WHEELHOUSE_FOLDER);
		wheel_name_explain(name, request->target, request->image, &text);
		if (text.failed)
			house->problems->no_memory |= text.no_memory;
		else
			problems_add_text(house->problems, buffer_str(&text));
	}
}

static int write_sums(struct house *house, struct error *err)
{
	cleanup_buffer struct buffer sums = BUFFER(SUMS_MAX_BYTES);
	for (size_t i = 0; i < house->count; i++)
		buffer_appendf(&sums, "%s  %s\n", house->wheels[i].sha256, house->wheels[i].file);
	if (buffer_check(&sums, WHEELHOUSE_SUMS, err) != 0 ||
	    digest_text(buffer_str(&sums), house->result->lock, err) != 0)
		return -1;
	if (house->has_wheels && house->sums.is_there &&
	    !str_eq(buffer_str(&sums), buffer_str(&house->sums.bytes)))
		problems_add(house->problems, "wheels/sha256sums is not the list of the wheels beside it: "
					      "leave it out, it is made when "
					      "the archive is taken");
	house->result->sums = buffer_steal(&sums);
	return house->result->sums ? 0 : error_no_memory(err);
}

static int list_packages(struct house *house, struct error *err)
{
	struct wheelhouse *result = house->result;
	result->packages = calloc(house->count, sizeof(*result->packages));
	if (!result->packages)
		return error_no_memory(err);
	for (; result->count < house->count; result->count++) {
		struct house_wheel *wheel = &house->wheels[result->count];
		struct wheelhouse_package *package = &result->packages[result->count];
		char name[WHEEL_NAME_MAX + 1];
		wheel_project_normalise(wheel->name.name, name);
		*package = (struct wheelhouse_package){
		    .name = str_dup(str_of(name)),
		    .version = str_dup(wheel->name.version),
		    .file = str_dup(wheel->name.file),
		    .is_there = wheel->fd >= 0,
		};
		memcpy(package->sha256, wheel->sha256, sizeof(package->sha256));
		if (!package->name || !package->version || !package->file) {
			result->count++;
			return error_no_memory(err);
		}
	}
	return 0;
}

static int judge(struct house *house, struct error *err)
{
	if (!house->has_wheels && house->sums.is_there && house_read_sums(house, err) != 0)
		return -1;
	house->result->has_wheels = house->has_wheels;
	house->result->has_requirements = requirements_are_wanted(buffer_str(&house->requirements.bytes));
	if (house->count == 0)
		return 0;
	qsort(house->wheels, house->count, sizeof(*house->wheels), by_file);
	check_names(house);
	check_targets(house);
	house_check_lists(house);
	if (write_sums(house, err) != 0 || list_packages(house, err) != 0)
		return -1;
	return house->has_wheels ? house_unpack(house, err) : 0;
}

static int read_house(struct house *house, struct error *err)
{
	const struct wheelhouse_request *request = house->request;
	struct archive_visitor visitor = {see_file, see_data, house};
	struct archive_content content = {0};
	house->wheels = calloc(WHEELHOUSE_WHEELS_MAX + 1, sizeof(*house->wheels));
	if (!house->wheels)
		return error_no_memory(err);
	if (archive_examine_zip(request->zip_fd, request->archive, &visitor, &content, house->problems,
				err) != 0)
		return -1;
	archive_content_free(&content);
	return judge(house, err);
}

int wheelhouse_examine(const struct wheelhouse_request *request, struct wheelhouse *ret,
		       struct problems *problems, struct error *err)
{
	struct wheelhouse result = {.warnings = PROBLEMS};
	struct house house = {
	    .request = request,
	    .problems = problems,
	    .result = &result,
	    .sums = {.bytes = BUFFER(SUMS_MAX_BYTES)},
	    .requirements = {.bytes = BUFFER(LIST_MAX_BYTES)},
	    .lock = {.bytes = BUFFER(LIST_MAX_BYTES)},
	};
	size_t before = problems->count;
	int status = read_house(&house, err);
	for (size_t i = 0; i < house.count; i++) {
		free(house.wheels[i].file);
		if (house.wheels[i].fd >= 0)
			close(house.wheels[i].fd);
	}
	free(house.wheels);
	digest_free(house.digest);
	buffer_free(&house.sums.bytes);
	buffer_free(&house.requirements.bytes);
	buffer_free(&house.lock.bytes);
	if (problems->no_memory || result.warnings.no_memory)
		status = error_no_memory(err);
	if (status == 0 && problems->count == before) {
		*ret = result;
		return 0;
	}
	wheelhouse_free(&result);
	return -1;
}

int wheelhouse_read(const struct wheelhouse_request *request, struct wheelhouse *ret, struct error *err)
{
	cleanup_problems struct problems problems = PROBLEMS;
	int status = wheelhouse_examine(request, ret, &problems, err);
	if (status != 0)
		problems_error(&problems, err); /* none: err is set already */
	return status;
}

void wheelhouse_free(struct wheelhouse *house)
{
	for (size_t i = 0; i < house->count; i++) {
		free(house->packages[i].file);
		free(house->packages[i].name);
		free(house->packages[i].version);
	}
	free(house->packages);
	free(house->sums);
	problems_free(&house->warnings);
	*house = (struct wheelhouse){.warnings = PROBLEMS};
}
