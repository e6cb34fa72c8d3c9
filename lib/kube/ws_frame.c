#include "lib/kube/ws_frame.h"

#include "lib/base/id.h"

#include <stdint.h>
#include <string.h>

#define FINAL_BINARY 0x82
#define MASKED 0x80
#define LENGTH_16 126
#define LENGTH_64 127
#define KEY_SIZE 4

/* As many words as there are, then bytes: the key repeats every four of them. */
static void mask(unsigned char *payload, size_t n, const unsigned char key[KEY_SIZE])
{
	uint64_t twice, word;
	size_t at = 0;
	memcpy(&twice, key, KEY_SIZE);
	memcpy((char *)&twice + KEY_SIZE, key, KEY_SIZE);
	for (; at + sizeof(word) <= n; at += sizeof(word)) {
		memcpy(&word, payload + at, sizeof(word));
		word ^= twice;
		memcpy(payload + at, &word, sizeof(word));
	}
	for (; at < n; at++)
		payload[at] ^= key[at % KEY_SIZE];
}

size_t ws_frame_wrap(unsigned char *payload, size_t n)
{
	unsigned length_size = n < LENGTH_16 ? 0 : n <= UINT16_MAX ? 2 : 8;
	size_t header_size = 2 + length_size + KEY_SIZE;
	unsigned char *header = payload - header_size, *key = payload - KEY_SIZE;
	header[0] = FINAL_BINARY;
	header[1] = (unsigned char)(MASKED | (length_size == 0   ? n
					      : length_size == 2 ? LENGTH_16
								 : LENGTH_64));
	for (unsigned i = 0; i < length_size; i++)
		header[2 + i] = (unsigned char)((uint64_t)n >> (8 * (length_size - 1 - i)));
	id_random(key, KEY_SIZE);
	mask(payload, n, key);
	return header_size;
}
