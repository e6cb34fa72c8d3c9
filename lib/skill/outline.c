#include "lib/skill/outline.h"

#include "lib/base/utf8.h"
#include "lib/skill/judgement.h"

#include <stdlib.h>

#define FILES_MAX (4 << 20) /* texts of one object: the API server takes less */

static void drop_text(char **text)
{
	free(*text);
	*text = NULL;
}

static void drop_files(struct skill *skill)
{
	for (size_t i = 0; skill->spec.files && i < skill->spec.file_count; i++) {
		free(skill->spec.files[i].path);
		free(skill->spec.files[i].text);
	}
	free(skill->spec.files);
	skill->spec.files = NULL;
}

int skill_keep_outline(struct skill *skill, size_t max_description, struct error *err)
{
	if (skill->spec.file_count && skill_judge_files(skill, &skill->files_verdict, err) != 0)
		return -1;
	if (utf8_cut_owned(&skill->spec.description, max_description))
		skill->is_description_cut = true;
	skill->has_input_schema = skill->spec.input_schema != NULL;
	drop_text(&skill->spec.input_schema);
	drop_text(&skill->spec.output_schema);
	drop_text(&skill->status.build.log);
	drop_files(skill);
	skill->is_outline = true;
	return 0;
}

void skill_drop_instructions(struct skill *skill)
{
	if (skill->spec.instructions && skill->spec.instructions[0])
		drop_text(&skill->spec.instructions);
}

static int compare_files(const void *a, const void *b)
{
	return strcmp((*(const struct skill_file *const *)a)->path,
		      (*(const struct skill_file *const *)b)->path);
}

int skill_digest_files(const struct skill *skill, char ret[DIGEST_TEXT_SIZE], struct error *err)
{
	const struct skill_file **files = calloc(skill->spec.file_count + 1, sizeof(*files));
	if (!files)
		return error_no_memory(err);
	for (size_t i = 0; i < skill->spec.file_count; i++)
		files[i] = &skill->spec.files[i];
	qsort(files, skill->spec.file_count, sizeof(*files), compare_files);
	cleanup_buffer struct buffer all = BUFFER(FILES_MAX);
	for (size_t i = 0; i < skill->spec.file_count; i++) {
		struct str text = str_of(files[i]->text);
		buffer_append(&all, files[i]->path, strlen(files[i]->path) + 1);
		buffer_appendf(&all, "%zu", text.n);
		buffer_append_byte(&all, '\0');
		buffer_append_str(&all, text);
	}
	free(files);
	return all.failed ? error_no_memory(err) : digest_text(buffer_str(&all), ret, err);
}
