#include "apiserver/skill/quota.h"

#include "lib/api/tenant.h"
#include "lib/policy/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>

#define OBJECT_MAX ((size_t)8 << 20)
#define WAY_OUT                                                                                              \
	"delete versions that are not needed (DELETE /v1/skills/NAME/VERSION), or have the operator raise "

struct skill_place {
	LIST_ENTRY(skill_place) link;
	struct skill_quota *quota;
	char *namespace, *object;
	int64_t size;
	unsigned references;
};

struct skill_quota {
	LIST_HEAD(, skill_place) places;
};

struct skill_quota *skill_quota_new(struct error *err)
{
	struct skill_quota *quota = calloc(1, sizeof(*quota));
	if (!quota)
		error_no_memory(err);
	else
		LIST_INIT(&quota->places);
	return quota;
}

struct skill_quota *skill_quota_free(struct skill_quota *quota)
{
	free(quota);
	return NULL;
}

/* What a tenant has, without what the new one replaces. */
struct tally {
	const struct skill *fresh;
	size_t count, tried_out;
	int64_t size;
	bool is_there;
};

static bool tally_one(void *context, const void *object)
{
	struct tally *tally = context;
	const struct skill *skill = object, *fresh = tally->fresh;
	tally->is_there = tally->is_there || strcmp(skill->meta.name, fresh->meta.name) == 0;
	if (strcmp(skill->spec.name, fresh->spec.name) == 0 &&
	    skill_version_compare(str_of(skill->spec.version), str_of(fresh->spec.version)) == 0)
		return true;
	tally->count++;
	tally->size += skill->size;
	tally->tried_out += skill_version_is_dev(str_of(skill->spec.version));
	return true;
}

static struct skill_place *find(const struct skill_quota *quota, const struct object_meta *meta)
{
	struct skill_place *place;
	LIST_FOREACH(place, &quota->places, link) {
		if (strcmp(place->object, meta->name) == 0 && strcmp(place->namespace, meta->namespace) == 0)
			break;
	}
	return place;
}

static struct skill_place *place_new(struct skill_quota *quota, const struct object_meta *meta, int64_t size,
				     struct error *err)
{
	struct skill_place *place = calloc(1, sizeof(*place));
	if (place) {
		*place = (struct skill_place){.quota = quota,
					      .namespace = str_dup(str_of(meta->namespace)),
					      .object = str_dup(str_of(meta->name)),
					      .size = size,
					      .references = 1};
		LIST_INSERT_HEAD(&quota->places, place, link);
	}
	if (place && place->namespace && place->object)
		return place;
	skill_quota_give(place);
	error_no_memory(err);
	return NULL;
}

static int refuse_count(const struct apiserver *server, const struct tally *tally, struct error *err)
{
	char tried_out[128] = "";
	if (tally->tried_out)
		snprintf(tried_out, sizeof(tried_out),
			 " (%zu of them were tried out, and go 24 hours after their last upload)",
			 tally->tried_out);
	return error_set(err, ERR_NO_CAPACITY,
			 "this tenant has %zu versions of skills%s, and may keep %" PRId64
			 " (SKILLBOX_MAX_SKILLS): " WAY_OUT "SKILLBOX_MAX_SKILLS",
			 tally->count, tried_out, server->config->limits.max_skills);
}

static int refuse_size(const struct apiserver *server, const struct tally *tally, int64_t size,
		       struct error *err)
{
	return error_set(err, ERR_NO_CAPACITY,
			 "the instructions, schemas and inline files of this tenant's skills take %" PRId64
			 " bytes, those of this one %" PRId64 ", and it may keep %" PRId64
			 " (SKILLBOX_MAX_SKILLS_SIZE): " WAY_OUT "SKILLBOX_MAX_SKILLS_SIZE",
			 tally->size, size, server->config->limits.max_skills_size);
}

/* As the cache will count it. */
static int size_of(const struct skill *skill, int64_t *ret, struct error *err)
{
	cleanup_buffer struct buffer json = BUFFER(OBJECT_MAX);
	if (skill_to_json(skill, &json, err) != 0)
		return -1;
	*ret = (int64_t)json.len;
	return 0;
}

static void tally_all(const struct apiserver *server, const struct skill *skill, struct tally *tally)
{
	const struct skill_place *place;
	cluster_skills_stored(server->cluster, skill->meta.namespace, tally_one, tally);
	LIST_FOREACH(place, &server->skill_quota->places, link) {
		if (strcmp(place->namespace, skill->meta.namespace) != 0)
			continue;
		tally->count++;
		tally->size += place->size;
	}
}

int skill_quota_take(struct apiserver *server, const struct skill *skill, struct skill_place **ret,
		     struct error *err)
{
	const struct limits *limits = &server->config->limits;
	struct tally tally = {.fresh = skill};
	struct skill_place *place = find(server->skill_quota, &skill->meta);
	int64_t size;
	if (place) {
		place->references++;
		*ret = place;
		return 0;
	}
	if (size_of(skill, &size, err) != 0)
		return -1;
	tally_all(server, skill, &tally);
	*ret = NULL;
	if (tally.is_there)
		return 0;
	if ((int64_t)tally.count + 1 > limits->max_skills)
		return refuse_count(server, &tally, err);
	if (size > limits->max_skills_size - tally.size)
		return refuse_size(server, &tally, size, err);
	*ret = place_new(server->skill_quota, &skill->meta, size, err);
	return *ret ? 0 : -1;
}

void skill_quota_give(struct skill_place *place)
{
	if (!place || --place->references > 0)
		return;
	LIST_REMOVE(place, link);
	free(place->namespace);
	free(place->object);
	free(place);
}

/* Usage, for metrics */

static bool use_one(void *context, const void *object)
{
	struct skill_usage *usage = context;
	usage->count++;
	usage->size += ((const struct skill *)object)->size;
	return true;
}

struct search {
	const struct cluster *cluster;
	struct skill_usage most;
};

static bool look_at_tenant(void *context, const void *object)
{
	struct search *search = context;
	struct skill_usage usage = {0};
	cluster_skills_stored(search->cluster, ((const struct tenant *)object)->meta.name, use_one, &usage);
	if (usage.count > search->most.count)
		search->most.count = usage.count;
	if (usage.size > search->most.size)
		search->most.size = usage.size;
	return true;
}

struct skill_usage skill_quota_most(const struct apiserver *server)
{
	struct search search = {.cluster = server->cluster};
	informer_each(cluster_informer(server->cluster, CLUSTER_NAMESPACES), look_at_tenant, &search);
	return search.most;
}
