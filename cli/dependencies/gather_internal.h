/* What gather.c, wheels.c and npm.c share. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_GATHER_INTERNAL_H
#define SKILLBOX_CLI_DEPENDENCIES_GATHER_INTERNAL_H

#include "cli/dependencies/cache.h"
#include "cli/dependencies/gather.h"

/* What is known of the skill. */
struct gathering {
	const struct gather *gather;
	struct folder *folder;
	char *lang, *image;   /* "" where they aren't known */
	struct buffer images; /* what the server says of its images; empty: it wasn't asked yet */
	bool has_no_images;   /* it was, and doesn't know the question */
};

/* Ask, once. Where no server is given at all, `otherwise` says what to do. */
int gathering_ask(struct gathering *gathering, const char *otherwise, struct error *err);
/* The set's files become the folder's, below `under`. */
int gathering_add(struct gathering *gathering, const struct cache_set *set, const char *under,
		  struct error *err);

/* requirements.txt → wheels/ */
int wheels_gather(struct gathering *gathering, struct error *err);
int wheels_describe(const struct folder *folder, struct buffer *out, struct error *err);
/* package.json → node_modules/ */
int npm_gather(struct gathering *gathering, struct error *err);
int npm_describe(const struct folder *folder, struct buffer *out, struct error *err);

#endif
