/* Unpacking: the files of all wheels in one folder. */
#include "lib/wheel/wheelhouse_internal.h"

#include "lib/wheel/wheel.h"

#include <inttypes.h>
#include <stdlib.h>

/* A file that is in the folder already. */
struct placed_file {
	struct map_node node; /* its path, in `text` */
	size_t wheel;
	struct str hash; /* of RECORD; in `text` */
	char text[];
};

static struct placed_file *placed_file_of(struct map_node *node)
{
	return node ? MAP_CONTAINER(node, struct placed_file, node) : NULL;
}

static int place_file(struct house *house, struct str path, struct str hash, struct error *err)
{
	struct placed_file *file = malloc(sizeof(*file) + path.n + hash.n);
	if (!file)
		return error_no_memory(err);
	memcpy(file->text, path.p, path.n);
	if (hash.n > 0)
		memcpy(file->text + path.n, hash.p, hash.n);
	file->node.key = (struct str){file->text, path.n};
	file->hash = (struct str){file->text + path.n, hash.n};
	file->wheel = house->at;
	map_insert(&house->files, &file->node);
	return 0;
}

/* Of all wheels together. */
static bool is_within_limits(struct house *house, const struct archive_entry *entry)
{
	const struct archive_limits *limits = house->request->wheels;
	const struct wheelhouse *result = house->result;
	if (result->file_count == limits->max_entries)
		problems_add(house->problems,
			     "the wheels have more than %u files: leave out what the skill doesn't need, or "
			     "use an image "
			     "that has the packages",
			     limits->max_entries);
	else if ((int64_t)entry->size > limits->max_unpacked - result->byte_count)
		problems_add(
		    house->problems,
		    "the wheels unpack to more than %" PRId64 " bytes (%" PRId64
		    " MiB): leave out what the skill doesn't need, or use an image that has the packages",
		    limits->max_unpacked, limits->max_unpacked >> 20);
	else
		return true;
	house->is_full = true;
	return false;
}

/* The same path again: the wheel that came first has it. Where two hash with different algorithms, they count
 * as different. */
static void meet_again(struct house *house, const struct placed_file *first, const char *path,
		       struct str hash)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	struct house_wheel *wheel = &house->wheels[house->at];
	if (first->wheel == house->at)
		problems_add(house->problems, "wheels/%s: \"%s\" is there twice, once in its .data folder",
			     wheel->file, problems_show(str_of(path), shown));
	else if (!str_eq(first->hash, hash) && wheel->differing++ == 0)
		problems_add(
		    &house->result->warnings,
		    "wheels/%s and wheels/%s both have \"%s\", and not the same: that of the first is used",
		    house->wheels[first->wheel].file, wheel->file, problems_show(str_of(path), shown));
}

static int unpack_file(void *context, const struct archive_entry *entry, struct str hash, struct error *err)
{
	struct house *house = context;
	const struct archive_visitor *visitor = house->request->visitor;
	struct str path = str_of(entry->path);
	const struct placed_file *first = placed_file_of(map_get(&house->files, path));
	if (first) {
		meet_again(house, first, entry->path, hash);
		return 1;
	}
	if (!is_within_limits(house, entry))
		return error_set(err, ERR_TOO_LARGE, "the limits of all wheels together");
	if (place_file(house, path, hash, err) != 0)
		return -1;
	house->result->file_count++;
	house->result->byte_count += (int64_t)entry->size;
	/* Once something is wrong, nothing of what the visitor sees will count. */
	return visitor && house->problems->count == 0 ? visitor->file(visitor->context, entry, err) : 1;
}

static int unpack_data(void *context, struct str piece, struct error *err)
{
	const struct archive_visitor *visitor = ((struct house *)context)->request->visitor;
	return visitor->data(visitor->context, piece, err);
}

static void tell_left_out(struct house *house, const struct wheel_summary *summary)
{
	if (summary->left_out > 0)
		problems_add(
		    &house->result->warnings,
		    "wheels/%s: scripts, headers and data files are left out, since nothing would find them: "
		    "%zu, such as \"%s\"",
		    house->wheels[house->at].file, summary->left_out, summary->example);
}

static int unpack_wheel(struct house *house, struct error *err)
{
	const struct house_wheel *wheel = &house->wheels[house->at];
	struct wheel_visitor visitor = {unpack_file, unpack_data, house};
	cleanup_problems struct problems own = PROBLEMS;
	struct wheel_summary summary = {0};
	struct error why = {.code = ERR_NONE};
	int status =
	    wheel_read(wheel->fd, &wheel->name, house->request->wheels, &visitor, &summary, &own, &why);
	if (house->is_full)
		return 0; /* told already */
	if (status != 0 && why.code != ERR_NONE)
		return error_set(err, why.code, "%s", why.message);
	for (size_t i = 0; i < own.count && i < PROBLEMS_MAX; i++)
		problems_add(house->problems, "wheels/%s: %s", wheel->file, own.items[i]);
	if (status == 0)
		tell_left_out(house, &summary);
	return 0;
}

/* A file where another wheel needs a folder. */
static void check_folders(struct house *house)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&house->files, &cursor)) != NULL;)
		for (size_t n = 1; n < node->key.n; n++) {
			struct str parent = {node->key.p, n};
			const struct placed_file *file =
			    node->key.p[n] == '/' ? placed_file_of(map_get(&house->files, parent)) : NULL;
			if (!file)
				continue;
			problems_add(house->problems,
				     "wheels/%s has \"%s\" as a file, and wheels/%s as a folder",
				     house->wheels[file->wheel].file, problems_show(parent, shown),
				     house->wheels[placed_file_of(node)->wheel].file);
			return;
		}
}

int house_unpack(struct house *house, struct error *err)
{
	int status = 0;
	if (map_init(&house->files, err) != 0)
		return -1;
	for (house->at = 0; status == 0 && !house->is_full && house->at < house->count; house->at++)
		if (!house->request->target ||
		    wheel_name_fits(&house->wheels[house->at].name, house->request->target))
			status = unpack_wheel(house, err);
	if (status == 0)
		check_folders(house);
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&house->files, &cursor)) != NULL;) {
		map_remove(&house->files, node);
		free(placed_file_of(node));
	}
	map_free(&house->files);
	return status;
}
