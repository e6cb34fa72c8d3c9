/* A skill's folder as it is now, made ready to be tried out on a server. */
#ifndef SKILLBOX_CLI_DEV_DEV_PACKAGE_H
#define SKILLBOX_CLI_DEV_DEV_PACKAGE_H

#include "cli/skill/report.h"
#include "cli/skill/source.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Bytes of a name or a version. */
#define DEV_NAME_MAX ((size_t)256)
#define DEV_MANIFEST_MAX ((size_t)1 << 20)

/* A skill that can be tried out. */
struct dev_package {
	struct skill_report report;
	struct buffer name, version, manifest; /* its own, that for trying out, and SKILL.md with that */
};
#define DEV_PACKAGE                                                                                          \
	((struct dev_package){.report = SKILL_REPORT,                                                        \
			      .name = BUFFER(DEV_NAME_MAX),                                                  \
			      .version = BUFFER(DEV_NAME_MAX),                                               \
			      .manifest = BUFFER(DEV_MANIFEST_MAX)})
void dev_package_free(struct dev_package *package);
#define cleanup_dev_package __attribute__((cleanup(dev_package_free)))

/* With the packages that it asks for. EXIT_ERROR: it isn't right, which was said on standard error; -1,
 * COMMAND_USAGE, COMMAND_INTERRUPTED. */
int dev_package_make(const char *path, const struct gather *gather, struct dev_package *ret,
		     struct error *err);
/* Push it under that version. */
int dev_package_push(const struct dev_package *package, struct http *http, struct error *err);

#endif
