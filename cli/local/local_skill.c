#include "cli/local/local_skill.h"

#include "cli/skill/source.h"
#include "lib/base/cleanup.h"
#include "lib/base/options.h"
#include "lib/skill/judgement.h"

#include <string.h>

static const struct option options[] = {POLICY_OPTIONS(struct local_skill, policy)};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int judge(struct local_skill *skill, struct error *err)
{
	const struct manifest *manifest = &skill->package.manifest;
	/* No image: here there is only this machine's interpreter, and which images a server has is its
	 * operator's to say. */
	const struct skill_claim claim = {.files = &skill->package.content,
					  .lang = manifest->lang,
					  .entrypoint = manifest->entrypoint,
					  .image = skill->language ? skill->language->default_image : "",
					  .cpu = manifest->cpu,
					  .memory = manifest->memory,
					  .timeout_ms = manifest->timeout_ms};
	struct skill_judgement judged;
	struct policy policy = skill->policy;
	policy.image_allowlist = (char *)POLICY_DEFAULT_ALLOWLIST;
	if (skill_judge(&claim, &policy, &judged, NULL, err) != 0)
		return -1;
	skill->timeout_ms = judged.timeout_ms;
	skill->memory = judged.memory;
	return 0;
}

static int read_skill(int zip_fd, struct local_skill *skill, struct error *err)
{
	struct skill_package *package = &skill->package;
	if (skill_package_read(zip_fd, &archive_limits_default, package, err) != 0)
		return -1;
	if (!package->entrypoint[0])
		return error_set(
		    err, ERR_NO_ENTRYPOINT,
		    "the skill '%s' has instructions to read and no script to run: add a main or "
		    "run with .py, .js or .sh, or an entrypoint given by name",
		    package->manifest.name);
	skill->language = language_find(str_of(package->manifest.lang));
	if (judge(skill, err) != 0)
		return -1;
	skill->bundle = bundle_encode_zip(zip_fd, package->manifest.lang, package->manifest.entrypoint, err);
	return skill->bundle ? 0 : -1;
}

/* On a server wheels become /sandbox/packages, and `push` brings what is asked for. */
static int look_at_packages(const struct skill_source *source, bool *ret, struct error *err)
{
	cleanup_buffer struct buffer packages = BUFFER(4096);
	if (source->is_folder && gather_describe(&source->folder, &packages, err) != 0)
		return -1;
	*ret = packages.len > 0 || (source->is_folder && folder_has_wheels(&source->folder));
	return 0;
}

int local_skill_open(const char *path, struct local_skill *ret, struct error *err)
{
	cleanup_skill_source struct skill_source source = SKILL_SOURCE;
	static const struct folder_packing how = {.without = NULL};
	cleanup_close int fd = -1;
	int64_t size;
	*ret = (struct local_skill){0};
	if (options_load(options, OPTION_COUNT, ret, err) == 0 &&
	    skill_source_open(path, &source, err) == 0 &&
	    look_at_packages(&source, &ret->lacks_packages, err) == 0 &&
	    skill_source_zip(&source, &how, &fd, &size, err) == 0 && read_skill(fd, ret, err) == 0)
		return 0;
	local_skill_free(ret);
	return -1;
}

void local_skill_free(struct local_skill *skill)
{
	bundle_unref(skill->bundle);
	skill_package_free(&skill->package);
	options_free(options, OPTION_COUNT, skill);
	*skill = (struct local_skill){0};
}
