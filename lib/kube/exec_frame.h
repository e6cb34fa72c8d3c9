/* The messages of an exec stream (v5.channel.k8s.io) and its final Status, without the socket. */
#ifndef SKILLBOX_KUBE_EXEC_FRAME_H
#define SKILLBOX_KUBE_EXEC_FRAME_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>

enum exec_channel {
	EXEC_STDIN = 0,
	EXEC_STDOUT = 1,
	EXEC_STDERR = 2,
	EXEC_STATUS = 3,
	EXEC_CLOSE = 255, /* followed by the number of the channel that its sender closes */
};

#define EXEC_MAX_STATUS 65536 /* bytes of the final Status */

struct exec_parser {
	bool inside; /* the channel byte of the message that comes was seen */
	unsigned char channel;
	struct buffer status;
	bool status_complete;
};

void exec_parser_init(struct exec_parser *parser);
void exec_parser_free(struct exec_parser *parser);

/* One piece of a message. *ret_data: what of it belongs to stdout or stderr (*ret_channel), to be delivered
 * at once; empty if nothing. After it parser->status_complete tells whether the final Status, in
 * parser->status, is there. -1: the peer breaks the protocol. */
int exec_parser_feed(struct exec_parser *parser, struct str piece, bool last, enum exec_channel *ret_channel,
		     struct str *ret_data, struct error *err);

/* The exit code that a final Status tells; -1 with the server's message if the command wasn't run or its end
 * is not known, or the Status can't be read. */
int exec_status_read(struct str status, int *ret_exit_code, struct error *err);

#endif
