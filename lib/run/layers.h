/* Layers of isolation that a sandbox must have before it gets a job. */
#ifndef SKILLBOX_RUN_LAYERS_H
#define SKILLBOX_RUN_LAYERS_H

#include "lib/base/error.h"
#include "lib/frame/frame.h"
#include "lib/frame/layer.h"

struct layer_set {
	bool has[FRAME_LAYER_COUNT];
};

/* Names of lib/frame/layer.h, separated by commas; blanks around them don't matter, and "" is none.
 * ERR_BAD_REQUEST names the word that is no layer and lists those there are. */
int layers_parse(struct str list, struct layer_set *ret, struct error *err);

/* Has the sandbox that said this HELLO all of them active? ERR_UNAVAILABLE names each one that is missing,
 * with the reason that the sandbox gave. */
int layers_check(const struct layer_set *required, const struct frame_hello *hello, struct error *err);

#endif
