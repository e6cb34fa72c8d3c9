#include "cli/local/local_skill.h"

#include "cli/local/machine.h"
#include "cli/skill/source.h"
#include "lib/base/cleanup.h"
#include "lib/base/options.h"
#include "lib/run/dependencies.h"
#include "lib/run/packages.h"
#include "lib/skill/judgement.h"
#include "lib/wheel/name.h"
#include "lib/wheel/wheelhouse.h"

#include <stdio.h>
#include <string.h>

static const struct option options[] = {POLICY_OPTIONS(struct local_skill, policy)};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

#define STRANGERS_SHOWN 3
#define STRANGER_MAX ((size_t)2048)

static int judge(struct local_skill *skill, const struct dependencies *dependencies, struct error *err)
{
	const struct manifest *manifest = &skill->package.manifest;
	/* No image: here there is only this machine's interpreter, and which images a server has is its
	 * operator's to say. */
	const struct skill_claim claim = {
	    .files = &skill->package.content,
	    .lang = manifest->lang,
	    .entrypoint = manifest->entrypoint,
	    .image = skill->language ? skill->language->default_image : "",
	    .cpu = manifest->cpu,
	    .memory = manifest->memory,
	    .timeout_ms = manifest->timeout_ms,
	    .files_size = dependencies->file_room,
	    .packages_size = policy_room_of(dependencies->package_files, dependencies->package_bytes)};
	struct skill_judgement judged;
	struct policy policy = skill->policy;
	policy.image_allowlist = (char *)POLICY_DEFAULT_ALLOWLIST;
	if (skill_judge(&claim, &policy, &judged, NULL, err) != 0)
		return -1;
	skill->timeout_ms = judged.timeout_ms;
	skill->memory = judged.memory;
	return 0;
}

/* Packages */

/* One of the archive's wheels; false: it is none, or fits each Python. */
static bool is_particular(const struct archive_entry *entry, struct wheel_name *ret)
{
	struct str path = str_of(entry->path);
	if (!str_starts_with(path, STR(WHEELHOUSE_FOLDER)))
		return false;
	path = (struct str){path.p + sizeof(WHEELHOUSE_FOLDER) - 1, path.n - sizeof(WHEELHOUSE_FOLDER) + 1};
	return wheel_name_parse(path, ret, NULL) == 0 &&
	       !(str_eq(ret->platform, STR("any")) && str_eq(ret->abi, STR("none")));
}

/* Wheels that a folder brings are a server's; what can't be imported here may still not be needed. */
static void tell_strangers(const struct archive_content *content)
{
	struct wheel_target target;
	char text[GATHER_HERE_SIZE] = "";
	size_t count = 0;
	for (size_t i = 0; i < content->count; i++) {
		struct wheel_name name;
		cleanup_buffer struct buffer line = BUFFER(STRANGER_MAX);
		if (!is_particular(&content->entries[i], &name))
			continue;
		if (!text[0] && (machine_ask_packages("python", text, NULL) != 0 ||
				 wheel_target_parse(str_of(text), &target, NULL) != 0))
			return; /* it says nothing that they could be held against */
		if (wheel_name_fits(&name, &target) || count++ >= STRANGERS_SHOWN)
			continue;
		wheel_name_explain(&name, &target, STR("this machine"), &line);
		fprintf(stderr, "wheels/%s\n", line.data ? line.data : "");
	}
	if (count > STRANGERS_SHOWN)
		fprintf(stderr, "%zu more wheels don't fit this machine either\n", count - STRANGERS_SHOWN);
}

static void tell(const struct local_skill *skill, const struct dependencies *dependencies, size_t warnings)
{
	const struct manifest *manifest = &skill->package.manifest;
	for (size_t i = warnings; i < manifest->warning_count; i++)
		fprintf(stderr, "%s\n", manifest->warnings[i]);
	if (dependencies->lacks_packages)
		fprintf(stderr,
			"requirements.txt asks for packages, and the skill brings none: it finds what "
			"this machine's Python has\n");
	if (dependencies->packages_fd >= 0)
		tell_strangers(&skill->package.content);
}

static int read_dependencies(int zip_fd, struct local_skill *skill, bool is_again, struct dependencies *ret,
			     struct error *err)
{
	struct error why = {0};
	cleanup_problems struct problems problems = PROBLEMS;
	size_t warnings = skill->package.manifest.warning_count;
	if (dependencies_read(zip_fd, &archive_limits_default, &skill->package, NULL, ret, &problems, &why) !=
	    0)
		return why.code == ERR_NONE ? problems_error(&problems, err)
					    : error_set(err, why.code, "%s", why.message);
	if (ret->lock[0] && ret->packages_fd < 0)
		return error_set(
		    err, ERR_INVALID_SKILL,
		    "the skill has " WHEELHOUSE_SUMS ", the list of its wheels, without the wheels: a server "
		    "may have them, this machine has not. Run its folder, or a zip by 'skillbox package'");
	if (!is_again)
		tell(skill, ret, warnings);
	return 0;
}

/* The files without the wheels, and what was in these. */
static int encode(int zip_fd, struct local_skill *skill, struct dependencies *dependencies, struct error *err)
{
	const struct skill_package *package = &skill->package;
	int fd = dependencies->archive_fd >= 0 ? dependencies->archive_fd : zip_fd;
	skill->bundle = bundle_encode_zip(fd, package->manifest.lang, package->manifest.entrypoint, err);
	if (!skill->bundle)
		return -1;
	if (dependencies->packages_fd < 0)
		return 0;
	skill->packages = packages_open(dependencies->packages_fd, dependencies->packages_size, err);
	if (!skill->packages)
		return -1;
	dependencies->packages_fd = -1; /* it is the bundle's */
	return 0;
}

static int read_skill(int zip_fd, bool is_again, struct local_skill *skill, struct error *err)
{
	struct skill_package *package = &skill->package;
	struct dependencies dependencies = DEPENDENCIES_NONE;
	if (skill_package_read(zip_fd, &archive_limits_default, package, err) != 0)
		return -1;
	if (!package->entrypoint[0])
		return error_set(
		    err, ERR_NO_ENTRYPOINT,
		    "the skill '%s' has instructions to read and no script to run: add a main or "
		    "run with .py, .js or .sh, or an entrypoint given by name",
		    package->manifest.name);
	skill->language = language_find(str_of(package->manifest.lang));
	int status = read_dependencies(zip_fd, skill, is_again, &dependencies, err);
	if (status == 0)
		status = judge(skill, &dependencies, err);
	if (status == 0)
		status = encode(zip_fd, skill, &dependencies, err);
	dependencies_free(&dependencies);
	return status;
}

/* Its zip, with the packages that it asks for. */
static int make_zip(const struct call *call, const char *path, bool is_again, int *ret_fd, struct error *err)
{
	cleanup_skill_source struct skill_source source = SKILL_SOURCE;
	static const struct folder_packing how = {.without = NULL};
	const struct gather gather = {.call = call, .here = machine_ask_packages, .is_again = is_again};
	int64_t size;
	int status = skill_source_open(path, &source, err);
	if (status == 0)
		status = skill_source_gather(&source, &gather, err);
	return status != 0 ? status : skill_source_zip(&source, &how, ret_fd, &size, err);
}

int local_skill_open(const struct call *call, const char *path, bool is_again, struct local_skill *ret,
		     struct error *err)
{
	cleanup_close int fd = -1;
	*ret = (struct local_skill){0};
	int status = options_load(options, OPTION_COUNT, ret, err);
	if (status == 0)
		status = make_zip(call, path, is_again, &fd, err);
	if (status == 0)
		status = read_skill(fd, is_again, ret, err);
	if (status != 0)
		local_skill_free(ret);
	return status;
}

void local_skill_free(struct local_skill *skill)
{
	bundle_unref(skill->bundle);
	bundle_unref(skill->packages);
	skill_package_free(&skill->package);
	options_free(options, OPTION_COUNT, skill);
	*skill = (struct local_skill){0};
}
