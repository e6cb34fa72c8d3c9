/* A scripted WebSocket server on the test's loop: the test sees each request and writes raw bytes. */
#ifndef SKILLBOX_TESTS_KUBE_FAKE_SERVER_H
#define SKILLBOX_TESTS_KUBE_FAKE_SERVER_H

#include "lib/base/buffer.h"

#include <stdbool.h>
#include <uv.h>

struct fake_peer;

struct fake_server {
	uv_loop_t *loop;
	uv_tcp_t listener;
	unsigned port;
	unsigned accepted, open;
	size_t piece; /* bytes of each write, one a turn of the loop; 0: as they come */
	struct fake_peer *last;
	void *context;
	/* A request's head is complete. */
	void (*request)(void *context, struct fake_peer *peer, const char *head);
	/* A frame of the client, unmasked. May be NULL. */
	void (*frame)(void *context, struct fake_peer *peer, int opcode, struct str payload);
	void (*closed)(void *context, struct fake_peer *peer); /* may be NULL */
};

void fake_server_start(struct fake_server *server, uv_loop_t *loop);
void fake_server_stop(struct fake_server *server); /* and hang up on everybody */

void fake_peer_accept(struct fake_peer *peer, const char *subprotocol); /* 101 */
void fake_peer_send(struct fake_peer *peer, struct str bytes);          /* raw */
void fake_peer_frame(struct fake_peer *peer, int opcode, bool last, struct str payload);
void fake_peer_hang_up(struct fake_peer *peer);           /* when all is sent */
void fake_peer_pause(struct fake_peer *peer, bool pause); /* stop reading */

#endif
