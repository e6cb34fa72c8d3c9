#include "cli/dependencies/gather_internal.h"

#include "lib/base/jsontext.h"
#include "lib/skill/entrypoint.h"
#include "lib/skill/manifest.h"

#include <limits.h>
#include <stdlib.h>

#define MANIFEST_BYTES ((size_t)1 << 20)
#define IMAGES_MAX ((size_t)4 << 20)

int gathering_ask(struct gathering *gathering, const char *otherwise, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *own = NULL;
	struct http *http = gathering->gather->http;
	const struct http_request request = {.method = "GET", .path = "/v1/images"};
	if (gathering->images.len > 0 || gathering->has_no_images)
		return 0;
	if (!http && !(http = own = http_open(gathering->gather->call, err)))
		return -1;
	if (!gathering->gather->http && strcmp(http_settings(http)->server_from, "default") == 0)
		return error_set(err, ERR_BAD_REQUEST, "%s", otherwise);
	int status = http_send(http, &request, &answer, err);
	if (status == -1 && answer.status == 404) {
		gathering->has_no_images = true;
		return 0;
	}
	if (status != 0)
		return status;
	buffer_append_str(&gathering->images, buffer_str(&answer.body));
	return buffer_check(&gathering->images, "what the server says of its images", err);
}

int gathering_add(struct gathering *gathering, const struct cache_set *set, const char *under,
		  struct error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		cleanup_buffer struct buffer name = BUFFER(PATH_MAX), from = BUFFER(PATH_MAX);
		buffer_appendf(&name, "%s/%s", under, set->files[i].name);
		buffer_appendf(&from, "%s/%s", set->path, set->files[i].name);
		if (buffer_check(&name, "a path", err) != 0 || buffer_check(&from, "a path", err) != 0 ||
		    folder_add(gathering->folder, name.data, from.data, set->files[i].is_executable, err) !=
			0)
			return -1;
	}
	folder_sort(gathering->folder);
	return 0;
}

/* The language that its script is in, as the server will see it; "" where that can't be told. */
static const char *find_lang(const struct folder *folder, const struct manifest *manifest)
{
	cleanup_problems struct problems problems = PROBLEMS;
	struct skill_script script = {NULL, ""};
	struct archive_content files = {.entries = calloc(folder->count + 1, sizeof(struct archive_entry))};
	if (!files.entries)
		return "";
	for (; files.count < folder->count; files.count++)
		files.entries[files.count].path = folder->files[files.count].name;
	int status = skill_script_find(&files, manifest->lang, manifest->entrypoint, &script, &problems);
	free(files.entries); /* the names are the folder's */
	return status == 0 && script.language ? script.language->name : "";
}

/* *ret_known: its SKILL.md can be read; else what is wrong with it is told by whoever reads it for more. */
static int read_manifest(const struct folder *folder, char **ret_lang, char **ret_image, bool *ret_known,
			 struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(MANIFEST_BYTES);
	struct manifest manifest = {0};
	*ret_known = folder_read_file(folder, folder->manifest, &text, NULL) == 0 &&
		     manifest_parse(buffer_str(&text), &manifest, NULL) == 0;
	if (*ret_known) {
		*ret_lang = str_dup(str_of(find_lang(folder, &manifest)));
		*ret_image = str_dup(str_of(manifest.image));
	}
	manifest_free(&manifest);
	return *ret_known && (!*ret_lang || !*ret_image) ? error_no_memory(err) : 0;
}

static int gather(struct gathering *gathering, struct error *err)
{
	bool is_known;
	if (read_manifest(gathering->folder, &gathering->lang, &gathering->image, &is_known, err) != 0)
		return -1;
	if (is_known && strcmp(gathering->lang, "python") == 0)
		return wheels_gather(gathering, err);
	return is_known && strcmp(gathering->lang, "node") == 0 ? npm_gather(gathering, err) : 0;
}

int gather_packages(struct folder *folder, const struct gather *how, struct error *err)
{
	struct gathering gathering = {.gather = how, .folder = folder, .images = BUFFER(IMAGES_MAX)};
	if (call_flag(how->call, "no-deps"))
		return 0;
	int status = gather(&gathering, err);
	buffer_free(&gathering.images);
	free(gathering.lang);
	free(gathering.image);
	return status;
}

int gather_describe(const struct folder *folder, struct buffer *out, struct error *err)
{
	cleanup_free char *lang = NULL, *image = NULL;
	bool is_known;
	if (read_manifest(folder, &lang, &image, &is_known, err) != 0)
		return -1;
	if (is_known && strcmp(lang, "python") == 0)
		return wheels_describe(folder, out, err);
	return is_known && strcmp(lang, "node") == 0 ? npm_describe(folder, out, err) : 0;
}
