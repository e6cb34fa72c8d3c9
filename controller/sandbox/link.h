/* The way into one sandbox, for as long as that lives: the exec stream, the token that opens it, the HELLO
 * that the sandbox begins with and the layers of isolation that it reports there, and the frames that come
 * after. What a frame means is for the handler to know. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_LINK_H
#define SKILLBOX_CONTROLLER_SANDBOX_LINK_H

#include "controller/sandbox/services.h"
#include "lib/api/isolation.h"
#include "lib/api/pod.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/frame/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct link;

/* Called from the loop. Each may call link_close and link_mute, none of them link_free. A frame's texts are
 * there during the call only. */
struct link_handler {
	/* The sandbox's first word; no required layer is missing. -1: as frame. */
	int (*hello)(void *context, const struct frame_hello *hello, struct error *err);
	/* Instead of hello: a required layer is missing. It says which; the stream is still open. */
	void (*unfit)(void *context, const struct error *missing);
	/* Any frame after hello, be it another HELLO; before it, FAILED only. -1: the sandbox can't be
	 * trusted with that frame, and the link is lost. */
	int (*frame)(void *context, const struct frame *frame, struct error *err);
	/* link_write takes more again. */
	void (*drained)(void *context);
	/* Once: the stream ended or broke, or the sandbox broke the protocol. It is closed. */
	void (*lost)(void *context, const struct error *err);
};

/* Opens the stream. The Pod is read during the call only. ERR_PROTOCOL: the Pod has no token. */
struct link *link_open(const struct session_services *services, const struct pod *pod,
		       const struct link_handler *handler, void *context, struct error *err);

/* Let the sandbox go; no callback any more. NULL-safe; returns NULL. */
struct link *link_free(struct link *link);

/* End the stream now, and lost is not called. What was learned from the sandbox stays. */
void link_close(struct link *link);

/* All that is wanted has been heard: nothing that the sandbox says counts any more, nor the stream's end. The
 * stream stays open until link_free or link_close. */
void link_mute(struct link *link);

/* Is the stream there, whether it took something already or not, and not muted? */
bool link_is_listening(const struct link *link);

/* How many bytes were taken; the rest when drained is called. 0 when the stream is closed. */
size_t link_write(struct link *link, struct str bytes);

/* Our HELLO, with the token. The link says it first by itself; later ones ask the sandbox what it has. */
int link_put_hello(const struct link *link, struct buffer *out, struct error *err);

/* The layers that the sandbox said it has, the link's reference; NULL before its HELLO. */
struct isolation *link_isolation(const struct link *link);

/* Monotonic time of the sandbox's HELLO; 0 before it. */
int64_t link_opened_us(const struct link *link);

#endif
