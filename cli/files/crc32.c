#include "cli/files/crc32.h"

#include <stdbool.h>

#define POLYNOMIAL 0xedb88320u

static uint32_t table[256];

static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;
		for (int bit = 0; bit < 8; bit++)
			value = value & 1 ? value >> 1 ^ POLYNOMIAL : value >> 1;
		table[i] = value;
	}
}

uint32_t crc32_update(uint32_t before, struct str bytes)
{
	uint32_t value = ~before;
	if (!table[1])
		make_table();
	for (size_t i = 0; i < bytes.n; i++)
		value = table[(value ^ (unsigned char)bytes.p[i]) & 0xff] ^ value >> 8;
	return ~value;
}
