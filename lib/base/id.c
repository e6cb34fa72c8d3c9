#include "lib/base/id.h"

#include <stdlib.h>
#include <unistd.h>

#define PIECE ((size_t)256) /* as much as getentropy gives at once (POSIX.1-2024) */

void id_random(void *ret, size_t n)
{
	char *at = ret;
	while (n > 0) {
		size_t piece = n < PIECE ? n : PIECE;
		if (getentropy(at, piece) != 0)
			abort();
		at += piece;
		n -= piece;
	}
}

void id_hex(const void *data, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = data;
	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[from[i] >> 4];
		ret[2 * i + 1] = digits[from[i] & 15];
	}
	ret[2 * n] = '\0';
}

void id_uuid4(char ret[ID_UUID_SIZE])
{
	unsigned char bytes[16];
	char hex[33];
	id_random(bytes, sizeof(bytes));
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4 */
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* the RFC's variant */
	id_hex(bytes, sizeof(bytes), hex);
	for (size_t i = 0, from = 0; i < ID_UUID_SIZE - 1; i++)
		ret[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : hex[from++];
	ret[ID_UUID_SIZE - 1] = '\0';
}

bool id_is_uuid(struct str s)
{
	if (s.n != ID_UUID_SIZE - 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? c != '-' : !hex)
			return false;
	}
	return true;
}

bool id_is_hex(struct str s, size_t digits)
{
	if (s.n != digits)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}
