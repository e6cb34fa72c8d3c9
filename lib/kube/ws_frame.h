/* One binary message of a client as a WebSocket frame (RFC 6455, section 5.2). libwebsockets would make it,
 * but masks byte by byte, through memory: 6 ns each, a tenth of a second for the files of a large skill. */
#ifndef SKILLBOX_KUBE_WS_FRAME_H
#define SKILLBOX_KUBE_WS_FRAME_H

#include <stddef.h>

/* Bytes of room before the payload. */
#define WS_FRAME_HEADER_MAX 14

/* Mask the n bytes of payload in place, with a key drawn for them, and write the header right before them.
 * Returns the header's length. */
size_t ws_frame_wrap(unsigned char *payload, size_t n);

#endif
