#include "lib/frame/layer.h"

static const char *const names[FRAME_LAYER_COUNT] = {
#define FRAME_LAYER_NAME(id, name) [FRAME_LAYER_##id] = name,
    FRAME_LAYERS(FRAME_LAYER_NAME)
#undef FRAME_LAYER_NAME
};

const char *frame_layer_name(enum frame_layer_kind kind)
{
	return names[kind];
}

bool frame_layer_find(struct str name, enum frame_layer_kind *ret)
{
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++)
		if (str_eq(name, str_of(names[i]))) {
			*ret = (enum frame_layer_kind)i;
			return true;
		}
	return false;
}
