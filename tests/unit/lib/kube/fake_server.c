#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lib/kube/fake_server.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct fake_peer {
	struct fake_server *server;
	uv_tcp_t socket;
	uv_idle_t writer;
	struct buffer in, out;
	char *key; /* Sec-WebSocket-Key */
	bool upgraded, hang_up, closing;
	unsigned handles;
};

static void on_peer_closed(uv_handle_t *handle)
{
	struct fake_peer *peer = handle->data;

	if (--peer->handles > 0)
		return;
	peer->server->open--;
	if (peer->server->last == peer)
		peer->server->last = NULL;
	buffer_free(&peer->in);
	buffer_free(&peer->out);
	free(peer->key);
	free(peer);
}

static void peer_close(struct fake_peer *peer)
{
	if (peer->closing)
		return;
	peer->closing = true;
	if (peer->server->closed)
		peer->server->closed(peer->server->context, peer);
	uv_close((uv_handle_t *)&peer->socket, on_peer_closed);
	uv_close((uv_handle_t *)&peer->writer, on_peer_closed);
}

static void on_write_turn(uv_idle_t *writer)
{
	struct fake_peer *peer = writer->data;
	size_t piece = peer->server->piece;
	uv_buf_t bytes;
	int n;

	if (piece == 0 || piece > peer->out.len)
		piece = peer->out.len;
	bytes = uv_buf_init(peer->out.data, (unsigned)piece);
	n = piece > 0 ? uv_try_write((uv_stream_t *)&peer->socket, &bytes, 1) : 0;
	if (n < 0 && n != UV_EAGAIN) {
		peer_close(peer);
		return;
	}
	if (n > 0)
		buffer_consume(&peer->out, (size_t)n);
	if (peer->out.len > 0)
		return;
	uv_idle_stop(writer);
	if (peer->hang_up)
		peer_close(peer);
}

void fake_peer_send(struct fake_peer *peer, struct str bytes)
{
	assert_int_equal(buffer_append_str(&peer->out, bytes), 0);
	uv_idle_start(&peer->writer, on_write_turn);
}

void fake_peer_hang_up(struct fake_peer *peer)
{
	peer->hang_up = true;
	uv_idle_start(&peer->writer, on_write_turn);
}

void fake_peer_frame(struct fake_peer *peer, int opcode, bool last, struct str payload)
{
	unsigned char head[10] = {(unsigned char)((last ? 0x80 : 0) | opcode)};
	size_t n = 2;

	if (payload.n < 126) {
		head[1] = (unsigned char)payload.n;
	} else if (payload.n < 65536) {
		head[1] = 126;
		head[2] = (unsigned char)(payload.n >> 8);
		head[3] = (unsigned char)payload.n;
		n = 4;
	} else {
		head[1] = 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (unsigned char)(payload.n >> (56 - 8 * i));
		n = 10;
	}
	fake_peer_send(peer, (struct str){(char *)head, n});
	fake_peer_send(peer, payload);
}

void fake_peer_accept(struct fake_peer *peer, const char *subprotocol)
{
	cleanup_buffer struct buffer text = BUFFER(1024), answer = BUFFER(1024);
	unsigned char digest[20], encoded[32];

	buffer_appendf(&text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", peer->key);
	assert_int_equal(EVP_Digest(text.data, text.len, digest, NULL, EVP_sha1(), NULL), 1);
	EVP_EncodeBlock(encoded, digest, 20);
	buffer_appendf(&answer,
		       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Accept: %s\r\n",
		       encoded);
	if (subprotocol)
		buffer_appendf(&answer, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
	buffer_append_c(&answer, "\r\n");
	peer->upgraded = true;
	fake_peer_send(peer, buffer_str(&answer));
}

static char *header_value(const char *head, const char *name)
{
	const char *at = strcasestr(head, name);
	struct str value, rest;

	if (!at)
		return NULL;
	at += strlen(name);
	str_split_once(str_of(at), '\r', &value, &rest);
	return str_dup(str_trim(value));
}

/* One whole frame at the start of `in`? Deliver and drop it. */
static bool take_frame(struct fake_peer *peer)
{
	const unsigned char *p = (const unsigned char *)peer->in.data;
	size_t have = peer->in.len, head = 2, n;
	cleanup_free char *payload = NULL;
	int opcode;

	if (have < 2)
		return false;
	assert_true(p[1] & 0x80); /* a client masks */
	n = p[1] & 0x7f;
	if (n == 126) {
		head = 4;
		if (have < head)
			return false;
		n = (size_t)p[2] << 8 | p[3];
	} else if (n == 127) {
		head = 10;
		if (have < head)
			return false;
		n = 0;
		for (int i = 0; i < 8; i++)
			n = n << 8 | p[2 + i];
	}
	if (have < head + 4 + n)
		return false;
	payload = malloc(n + 1);
	assert_non_null(payload);
	for (size_t i = 0; i < n; i++)
		payload[i] = (char)(p[head + 4 + i] ^ p[head + i % 4]);
	opcode = p[0] & 0x0f;
	assert_true(p[0] & 0x80); /* a whole message a frame */
	buffer_consume(&peer->in, head + 4 + n);
	if (peer->server->frame)
		peer->server->frame(peer->server->context, peer, opcode, (struct str){payload, n});
	return true;
}

static void take_head(struct fake_peer *peer)
{
	const char *end = peer->in.len > 0 ? strstr(peer->in.data, "\r\n\r\n") : NULL;
	cleanup_free char *head = NULL;

	if (!end)
		return;
	head = str_dup((struct str){peer->in.data, (size_t)(end - peer->in.data) + 2});
	peer->key = header_value(head, "sec-websocket-key:");
	buffer_consume(&peer->in, (size_t)(end - peer->in.data) + 4);
	peer->server->request(peer->server->context, peer, head);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	(void)handle;
	*ret = uv_buf_init(malloc(size), (unsigned)size);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct fake_peer *peer = stream->data;

	if (n > 0)
		assert_int_equal(buffer_append(&peer->in, bytes->base, (size_t)n), 0);
	free(bytes->base);
	if (n < 0) {
		peer_close(peer);
		return;
	}
	if (!peer->upgraded)
		take_head(peer);
	while (peer->upgraded && !peer->closing && take_frame(peer))
		;
}

void fake_peer_pause(struct fake_peer *peer, bool pause)
{
	if (pause)
		uv_read_stop((uv_stream_t *)&peer->socket);
	else
		uv_read_start((uv_stream_t *)&peer->socket, on_alloc, on_read);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct fake_server *server = listener->data;
	struct fake_peer *peer = calloc(1, sizeof *peer);

	assert_int_equal(status, 0);
	assert_non_null(peer);
	peer->server = server;
	peer->in = BUFFER(64 << 20);
	peer->out = BUFFER(64 << 20);
	uv_tcp_init(server->loop, &peer->socket);
	uv_idle_init(server->loop, &peer->writer);
	peer->socket.data = peer->writer.data = peer;
	peer->handles = 2;
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&peer->socket), 0);
	uv_tcp_nodelay(&peer->socket, 1);
	server->accepted++;
	server->open++;
	server->last = peer;
	fake_peer_pause(peer, false);
}

void fake_server_start(struct fake_server *server, uv_loop_t *loop)
{
	struct sockaddr_in address;
	int size = sizeof address;

	server->loop = loop;
	assert_int_equal(uv_tcp_init(loop, &server->listener), 0);
	server->listener.data = server;
	assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
	assert_int_equal(uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 128, on_connection), 0);
	assert_int_equal(uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
}

static void close_peer_of(uv_handle_t *handle, void *server)
{
	struct fake_peer *peer = handle->data;

	if (handle->type == UV_TCP && handle != (uv_handle_t *)&((struct fake_server *)server)->listener &&
	    !uv_is_closing(handle))
		peer_close(peer);
}

void fake_server_stop(struct fake_server *server)
{
	uv_walk(server->loop, close_peer_of, server);
	if (!uv_is_closing((uv_handle_t *)&server->listener))
		uv_close((uv_handle_t *)&server->listener, NULL);
}
