/* How far an answer is at its client. */
#ifndef SKILLBOX_LIB_HTTP_SERVER_PACE_H
#define SKILLBOX_LIB_HTTP_SERVER_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that the client's kernel has acknowledged on this connection. False: not known. */
bool http_pace_acknowledged(int fd, uint64_t *ret);

#endif
