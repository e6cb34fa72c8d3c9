#include "lib/run/layers.h"

#include "lib/base/buffer.h"

/* All names of layers; a struct error holds so much. */
#define NAMES_MAX 1024u
/* Of a word that is no layer, as the message shows it. */
#define WORD_SHOWN 64u
/* Of one layer, so that one sandbox's words don't hide the other layers. */
#define DETAIL_MAX 200u
/* Each with its name and detail. */
#define MISSING_MAX (FRAME_LAYER_COUNT * 512u)

static void append_names(struct buffer *out)
{
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++)
		buffer_appendf(out, "%s%s", i ? ", " : "", frame_layer_name((enum frame_layer_kind)i));
}

int layers_parse(struct str list, struct layer_set *ret, struct error *err)
{
	struct layer_set set = {0};
	struct str rest = str_trim(list), name;
	while (rest.n > 0) {
		str_split_once(rest, ',', &name, &rest);
		name = str_trim(name);
		enum frame_layer_kind kind;
		if (!frame_layer_find(name, &kind)) {
			cleanup_buffer struct buffer names = BUFFER(NAMES_MAX);
			append_names(&names);
			return error_set(err, ERR_BAD_REQUEST, "'%.*s' is no layer; there are %.*s",
					 (int)(name.n < WORD_SHOWN ? name.n : WORD_SHOWN), name.p,
					 (int)names.len, names.len ? names.data : "");
		}
		set.has[kind] = true;
	}
	*ret = set;
	return 0;
}

static const struct frame_layer *find(const struct frame_hello *hello, const char *name)
{
	for (unsigned i = 0; i < hello->layer_count; i++)
		if (str_eq(hello->layers[i].name, str_of(name)))
			return &hello->layers[i];
	return NULL;
}

int layers_check(const struct layer_set *required, const struct frame_hello *hello, struct error *err)
{
	cleanup_buffer struct buffer missing = BUFFER(MISSING_MAX);
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++) {
		const char *name = frame_layer_name((enum frame_layer_kind)i);
		const struct frame_layer *layer = required->has[i] ? find(hello, name) : NULL;
		if (!required->has[i] || (layer && layer->active))
			continue;
		struct str why = layer ? layer->detail : STR("its runner doesn't know it");
		buffer_appendf(&missing, "%s%s (%.*s)", missing.len ? ", " : "", name,
			       (int)(why.n < DETAIL_MAX ? why.n : DETAIL_MAX), why.p ? why.p : "");
	}
	if (missing.failed)
		return error_no_memory(err);
	if (missing.len == 0)
		return 0;
	return error_set(err, ERR_UNAVAILABLE, "the sandbox lacks required layers of isolation: %.*s",
			 (int)missing.len, missing.data);
}
