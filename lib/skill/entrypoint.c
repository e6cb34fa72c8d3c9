#include "lib/skill/skill_package.h"

static const struct language languages[] = {
    {"python", "python", ".py", "python:3.12-slim"},
    {"node", "node", ".js", "node:20-slim"},
    {"bash", "bash", ".sh", "bash:5"},
};

const struct language *language_find(struct str name)
{
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		if (str_eq(name, str_of(languages[i].name)))
			return &languages[i];
	return NULL;
}

const struct language *language_of_path(struct str path)
{
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		if (str_ends_with(path, str_of(languages[i].suffix)))
			return &languages[i];
	return NULL;
}

const char *skill_image(const char *image, const char *lang)
{
	const struct language *language = language_find(str_of(lang));
	return image && *image ? image : language ? language->default_image : "";
}

const char *entrypoint_find(const struct archive_content *content, struct str lang)
{
	static const char *const order[] = {
	    "main.py",         "run.py",         "main.js",         "run.js",
	    "main.sh",         "run.sh",         "scripts/main.py", "scripts/run.py",
	    "scripts/main.js", "scripts/run.js", "scripts/main.sh", "scripts/run.sh",
	};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct str path = str_of(order[i]);
		if (lang.n && !str_eq(lang, str_of(language_of_path(path)->name)))
			continue;
		const struct archive_entry *entry = archive_find(content, path);
		if (entry)
			return entry->path;
	}
	return NULL;
}
