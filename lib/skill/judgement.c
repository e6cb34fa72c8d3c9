#include "lib/skill/judgement.h"

#include "lib/base/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define IMAGE_MAX 511 /* as in the Skill resource */
#define MESSAGE_MAX 1800

/* One judgement on its way. */
struct trial {
	const struct skill_claim *claim;
	const struct policy *policy;
	struct skill_judgement *ret;
	struct problems *problems;
	enum error_code code; /* of the first problem */
};

static bool is_given(const char *text)
{
	return text && *text;
}

/* The problems from `before` on are of this kind. */
static void mark(struct trial *t, size_t before, enum error_code code)
{
	if (t->problems->count > before && t->code == ERR_NONE)
		t->code = code;
}

static void judge_script(struct trial *t)
{
	const struct skill_claim *claim = t->claim;
	struct skill_script *script = &t->ret->script;
	size_t before = t->problems->count;
	if (skill_script_find(claim->files, claim->lang, claim->entrypoint, script, t->problems) != 0) {
		bool bad_lang = is_given(claim->lang) && !language_find(str_of(claim->lang));
		mark(t, before, bad_lang ? ERR_INVALID_SKILL : ERR_NO_ENTRYPOINT);
		script->language = language_find(str_of(claim->lang));
		return;
	}
	/* An image without more says that there is something to run in it. */
	t->ret->only_instructions = !script->language && (claim->files || !is_given(claim->image));
	const struct archive_entry *entry =
	    claim->files && script->language ? archive_find(claim->files, str_of(script->path)) : NULL;
	bool some;
	if (entry && entry->data && strcmp(script->language->name, "bash") == 0 &&
	    script_has_windows_lines((struct str){entry->data, entry->size}, &some))
		script_add_windows_lines(script->path, t->problems);
	mark(t, before, ERR_INVALID_SKILL);
}

static void judge_files(struct trial *t)
{
	size_t before = t->problems->count;
	if (t->claim->files)
		archive_check_names(t->claim->files, t->problems);
	mark(t, before, ERR_INVALID_SKILL);
	judge_script(t);
}

/* The same from what was found before. */
static void take_verdict(struct trial *t)
{
	const struct skill_files_verdict *verdict = t->claim->verdict;
	size_t before = t->problems->count;
	t->ret->script = (struct skill_script){language_find(str_of(verdict->lang)), verdict->path};
	t->ret->only_instructions = !t->ret->script.language && !verdict->problem;
	struct str line, left = str_of(verdict->problem);
	for (bool more = left.n > 0; more;) {
		more = str_split_once(left, '\n', &line, &left);
		problems_add_text(t->problems, line);
	}
	mark(t, before, verdict->code);
}

static void judge_image(struct trial *t)
{
	const struct language *language = t->ret->script.language;
	size_t before = t->problems->count;
	struct error why;
	t->ret->image = is_given(t->claim->image) ? t->claim->image : language ? language->default_image : "";
	if (!*t->ret->image)
		return; /* nothing to run, or the language is a problem already */
	if (policy_check_image(t->policy, t->ret->image, &why) != 0)
		problems_add_text(t->problems, str_of(why.message));
	else if (strlen(t->ret->image) > IMAGE_MAX)
		problems_add(t->problems, "the image has a name of more than %d bytes", IMAGE_MAX);
	mark(t, before, ERR_IMAGE_NOT_ALLOWED);
}

static void judge_limits(struct trial *t)
{
	const struct skill_claim *claim = t->claim;
	size_t before = t->problems->count;
	struct error why;
	int64_t asked = POLICY_MEMORY_MIN;
	t->ret->timeout_ms = policy_timeout(t->policy, claim->timeout_ms, 0);
	policy_memory(t->policy, NULL, &t->ret->memory, NULL);
	policy_cpu(t->policy, NULL, &t->ret->cpu, NULL);
	if (policy_memory(t->policy, claim->memory, &asked, &why) != 0)
		problems_add(t->problems, "resources.memory: %s", why.message);
	else if (is_given(claim->memory) && asked < POLICY_MEMORY_MIN)
		problems_add(t->problems,
			     "resources.memory \"%s\" is too little for a sandbox: at least 16Mi",
			     claim->memory);
	else
		t->ret->memory = asked;
	if (policy_cpu(t->policy, claim->cpu, &t->ret->cpu, &why) != 0)
		problems_add(t->problems, "resources.cpu: %s", why.message);
	mark(t, before, ERR_INVALID_SKILL);
}

static int64_t to_mib(int64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

/* There is room for what is unpacked, or no run of it would get far. */
static void judge_room(struct trial *t)
{
	const struct skill_claim *claim = t->claim;
	size_t before = t->problems->count;
	int64_t needed = claim->files_size + claim->packages_size, memory = t->ret->memory;
	char has[QUANTITY_SIZE], most[QUANTITY_SIZE];
	if (t->ret->only_instructions || needed <= policy_room_for_files(memory))
		return;
	int64_t wanted = to_mib(needed + needed / 3) << 20;
	quantity_format_memory(memory, has);
	quantity_format_memory(t->policy->max_memory, most);
	problems_add(t->problems,
		     "its files need %" PRId64 " MiB (its packages %" PRId64
		     " of them), and a sandbox with resources.memory %s has room for %" PRId64
		     " MiB, three quarters: %s resources.memory: %" PRId64 "Mi%s%s%s",
		     to_mib(needed), to_mib(claim->packages_size), has, policy_room_for_files(memory) >> 20,
		     wanted <= t->policy->max_memory ? "ask for" : "it would take", wanted >> 20,
		     wanted <= t->policy->max_memory ? "" : ", and ",
		     wanted <= t->policy->max_memory ? "" : most,
		     wanted <= t->policy->max_memory
			 ? ""
			 : " is the most that is allowed; an image that has the packages needs less");
	mark(t, before, ERR_INVALID_SKILL);
}

static int verdict(const struct trial *t, size_t before, struct error *err)
{
	cleanup_buffer struct buffer all = BUFFER(MESSAGE_MAX);
	if (t->problems->no_memory)
		return error_no_memory(err);
	if (t->code == ERR_NONE)
		return 0;
	problems_join(t->problems, before, &all);
	return all.data ? error_set(err, t->code, "%s", all.data) : error_no_memory(err);
}

int skill_judge(const struct skill_claim *claim, const struct policy *policy, struct skill_judgement *ret,
		struct problems *problems, struct error *err)
{
	cleanup_problems struct problems own = PROBLEMS;
	struct trial t = {claim, policy, ret, problems ? problems : &own, ERR_NONE};
	size_t before = t.problems->count;
	*ret = (struct skill_judgement){.script = {NULL, ""}, .image = ""};
	if (claim->verdict)
		take_verdict(&t);
	else
		judge_files(&t);
	judge_image(&t);
	judge_limits(&t);
	judge_room(&t);
	return verdict(&t, before, err);
}

/* Sorted; the data are the skill's. The caller frees the entries. */
static int files_of(const struct skill *skill, struct archive_content *ret, struct error *err)
{
	size_t count = skill->spec.file_count;
	*ret = (struct archive_content){calloc(count + 1, sizeof(*ret->entries)), count, 0};
	if (!ret->entries)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++) {
		const struct skill_file *file = &skill->spec.files[i];
		ret->entries[i].path = file->path;
		ret->entries[i].data = file->text;
		ret->entries[i].size = file->text ? strlen(file->text) : 0;
	}
	archive_sort(ret);
	return 0;
}

static struct skill_claim claim_of(const struct skill *skill)
{
	return (struct skill_claim){
	    .lang = skill->spec.lang,
	    .entrypoint = skill->spec.entrypoint,
	    .image = skill->spec.image,
	    .cpu = skill->spec.cpu,
	    .memory = skill->spec.memory,
	    .timeout_ms = skill->spec.timeout_ms,
	    .packages_size = policy_room_of(skill_packages(skill)->files, skill_packages(skill)->bytes)};
}

/* A line each, as many as a message takes. */
static char *list_problems(const struct problems *problems)
{
	cleanup_buffer struct buffer lines = BUFFER(MESSAGE_MAX);
	char more[32];
	size_t i = 0, kept = problems->count < PROBLEMS_MAX ? problems->count : PROBLEMS_MAX;
	for (; i < kept && lines.len + strlen(problems->items[i]) + sizeof(more) < lines.max; i++)
		buffer_appendf(&lines, "%s%s", i > 0 ? "\n" : "", problems->items[i]);
	if (i < problems->count)
		buffer_appendf(&lines, "\nand %zu more", problems->count - i);
	return buffer_steal(&lines);
}

static int keep_verdict(const struct trial *t, struct skill_files_verdict *ret, struct error *err)
{
	const struct skill_script *script = &t->ret->script;
	struct skill_files_verdict found = {.path = str_dup(str_of(script->path)), .code = t->code};
	if (t->code != ERR_NONE)
		found.problem = list_problems(t->problems);
	if (script->language)
		snprintf(found.lang, sizeof(found.lang), "%s", script->language->name);
	if (!t->problems->no_memory && found.path && (t->code == ERR_NONE || found.problem)) {
		*ret = found;
		return 0;
	}
	free(found.path);
	free(found.problem);
	return error_no_memory(err);
}

int skill_judge_files(const struct skill *skill, struct skill_files_verdict *ret, struct error *err)
{
	cleanup_problems struct problems problems = PROBLEMS;
	struct archive_content files;
	struct skill_claim claim = claim_of(skill);
	struct skill_judgement judged = {.script = {NULL, ""}};
	struct trial t = {&claim, NULL, &judged, &problems, ERR_NONE};
	if (files_of(skill, &files, err) != 0)
		return -1;
	claim.files = &files;
	judge_files(&t);
	int status = keep_verdict(&t, ret, err);
	free(files.entries);
	return status;
}

int skill_judge_object(const struct skill *skill, const struct policy *policy, struct skill_judgement *ret,
		       struct problems *problems, struct error *err)
{
	struct archive_content files = {0};
	struct skill_claim claim = claim_of(skill);
	bool has_files = skill->spec.file_count > 0;
	if (has_files && skill->is_outline)
		claim.verdict = &skill->files_verdict;
	else if (has_files && files_of(skill, &files, err) != 0)
		return -1;
	claim.files = files.entries ? &files : NULL;
	int status = skill_judge(&claim, policy, ret, problems, err);
	free(files.entries);
	return status;
}

int skill_judge_room(const struct skill *skill, const struct policy *policy, int64_t files_size,
		     struct error *err)
{
	struct skill_judgement judged;
	struct skill_claim claim = claim_of(skill);
	claim.files_size = files_size;
	return skill_judge(&claim, policy, &judged, NULL, err);
}

int skill_judge_run(const struct skill *skill, const struct policy *policy, struct skill_judgement *ret,
		    struct error *err)
{
	int status = skill_judge_object(skill, policy, ret, NULL, err);
	if (status == 0 && ret->only_instructions)
		status = error_set(
		    err, ERR_NO_ENTRYPOINT,
		    "it has instructions to read and no script to run: add a main or run with .py, .js "
		    "or .sh, or an entrypoint given by name");
	/* An image that isn't allowed is told in words of its own, which users know. */
	if (status == 0 || err->code == ERR_IMAGE_NOT_ALLOWED || err->code == ERR_NO_MEMORY)
		return status;
	return error_wrap(err, "skill %s@%s can't be run", skill->spec.name, skill->spec.version);
}

const char *skill_mode(const struct skill_judgement *judgement)
{
	return judgement->only_instructions ? "instructions" : "executable";
}
