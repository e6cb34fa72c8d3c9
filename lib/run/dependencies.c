#include "lib/run/dependencies.h"

#include "lib/run/packages.h"
#include "lib/skill/entrypoint.h"
#include "lib/wheel/images.h"
#include "lib/wheel/name.h"
#include "lib/wheel/wheelhouse.h"

#include <unistd.h>

#define PYTHON "python"

/* One reading on its way. */
struct reading {
	int archive_fd;
	const struct archive_limits *limits;
	struct skill_package *package;
	const struct policy *policy;
	struct dependencies *ret;
	struct problems *problems;
};

static bool is_below(const char *path, const char *folder)
{
	return strncmp(path, folder, strlen(folder)) == 0;
}

/* Most skills have neither wheels nor requirements: nothing more is read of them. */
static bool is_concerned(const struct skill_package *package)
{
	const struct archive_content *content = &package->content;
	if (!*package->entrypoint || strcmp(package->manifest.lang, PYTHON) != 0)
		return false;
	for (size_t i = 0; i < content->count; i++)
		if (is_below(content->entries[i].path, WHEELHOUSE_FOLDER))
			return true;
	return archive_find(content, STR("requirements.txt")) != NULL;
}

static int64_t room_of_files(const struct archive_content *content, bool without_wheels)
{
	int64_t bytes = 0, files = 0;
	for (size_t i = 0; i < content->count; i++) {
		if (without_wheels && is_below(content->entries[i].path, WHEELHOUSE_FOLDER))
			continue;
		bytes += (int64_t)content->entries[i].size;
		files++;
	}
	return policy_room_of(files, bytes);
}

static const char *image_of(const struct skill_package *package)
{
	const struct language *language = language_find(STR(PYTHON));
	return *package->manifest.image ? package->manifest.image : language->default_image;
}

/* Of an image whose Python nobody told only what runs anywhere can be judged. */
static void refuse_compiled(const struct reading *reading, const struct wheelhouse *house, const char *image)
{
	struct wheel_name name;
	for (size_t i = 0; i < house->count; i++)
		if (wheel_name_parse(str_of(house->packages[i].file), &name, NULL) == 0 &&
		    !str_eq(name.platform, STR("any")))
			problems_add(
			    reading->problems,
			    "wheels/%s is for one platform, and which Python %s has is not known here: the "
			    "operator says it (SKILLBOX_PYTHON_IMAGES, images.python of the chart)",
			    house->packages[i].file, image);
}

static void refuse_missing(const struct reading *reading)
{
	problems_add(
	    reading->problems,
	    "requirements.txt asks for packages, and the archive has no wheels/ with them; nothing is "
	    "installed when a skill runs: push the folder with 'skillbox push', which brings the wheels, "
	    "use an image that has the packages and leave requirements.txt out, or ask the operator to "
	    "let this server fetch them (build.enabled of the chart)");
}

/* Nobody could say which wheels fit an image that is not known. */
static void judge_missing(const struct reading *reading, bool is_known, const char *image)
{
	if (!reading->policy->build_enabled)
		refuse_missing(reading);
	else if (!is_known)
		problems_add(
		    reading->problems,
		    "requirements.txt asks for packages, and which Python %s has is not known here: the "
		    "operator says it (SKILLBOX_PYTHON_IMAGES, images.python of the chart)",
		    image);
	else
		reading->ret->to_be_built = true;
}

static int strip(const struct reading *reading, const struct wheelhouse *house, struct error *err)
{
	struct dependencies *ret = reading->ret;
	return wheelhouse_strip(reading->archive_fd, reading->limits, house, &ret->archive_fd,
				&ret->archive_size, err);
}

/* The visitor has seen all files: the set is theirs if nothing is wrong with the wheels. */
static int keep(const struct reading *reading, const struct wheelhouse *house, struct packages_writer *writer,
		struct error *err)
{
	struct dependencies *ret = reading->ret;
	memcpy(ret->lock, house->lock, sizeof(ret->lock));
	for (size_t i = 0; i < house->warnings.count && i < PROBLEMS_MAX; i++)
		manifest_warn(&reading->package->manifest, "of the wheels:", str_of(house->warnings.items[i]),
			      reading->problems);
	if (!house->has_wheels)
		return 0;
	ret->package_files = (int64_t)house->file_count;
	ret->package_bytes = house->byte_count;
	int status =
	    packages_writer_end(writer, &ret->packages_fd, &ret->packages_size, ret->packages_digest, err);
	return status == 0 ? strip(reading, house, err) : -1;
}

/* What doesn't fit the image and what is missing; without a policy that is for the caller to tell. */
static void judge(const struct reading *reading, const struct wheelhouse *house, bool is_known,
		  const char *image)
{
	bool is_missing = house->count == 0 && house->has_requirements;
	if (!reading->policy) {
		reading->ret->lacks_packages = is_missing;
		return;
	}
	if (!is_known)
		refuse_compiled(reading, house, image);
	if (is_missing)
		judge_missing(reading, is_known, image);
}

static int read_wheels(const struct reading *reading, struct packages_writer *writer, struct error *err)
{
	struct wheel_target target;
	struct wheelhouse house = {.warnings = PROBLEMS};
	const char *image = image_of(reading->package);
	const struct archive_visitor visitor = packages_writer_visitor(writer);
	bool is_known = reading->policy &&
			wheel_images_find(str_of(reading->policy->python_images), str_of(image), &target);
	const struct wheelhouse_request request = {
	    .zip_fd = reading->archive_fd,
	    .archive = reading->limits,
	    .wheels = &wheelhouse_limits_default,
	    .target = is_known ? &target : NULL,
	    .image = str_of(image),
	    .visitor = &visitor,
	};
	if (wheelhouse_examine(&request, &house, reading->problems, err) != 0)
		return -1;
	size_t before = reading->problems->count;
	judge(reading, &house, is_known, image);
	int status = reading->problems->count > before ? -1 : keep(reading, &house, writer, err);
	wheelhouse_free(&house);
	return status;
}

int dependencies_read(int archive_fd, const struct archive_limits *limits, struct skill_package *package,
		      const struct policy *policy, struct dependencies *ret, struct problems *problems,
		      struct error *err)
{
	const struct reading reading = {archive_fd, limits, package, policy, ret, problems};
	bool concerned = is_concerned(package);
	*ret = DEPENDENCIES_NONE;
	ret->file_room = room_of_files(&package->content, concerned);
	if (!concerned)
		return 0;
	struct packages_writer *writer = packages_writer_new(err);
	int status = writer ? read_wheels(&reading, writer, err) : -1;
	packages_writer_free(writer);
	if (status != 0)
		dependencies_free(ret);
	return status;
}

void dependencies_free(struct dependencies *dependencies)
{
	if (dependencies->packages_fd >= 0)
		close(dependencies->packages_fd);
	if (dependencies->archive_fd >= 0)
		close(dependencies->archive_fd);
	*dependencies = DEPENDENCIES_NONE;
}
