#include "cli/files/sha256.h"

#include <errno.h>
#include <unistd.h>

#define PIECE ((size_t)64 * 1024)
#define BLOCK 64

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2). */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int by)
{
	return x >> by | x << (32 - by);
}

static void spread(const unsigned char *block, uint32_t w[64])
{
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | (uint32_t)block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
		       (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
	}
}

static void mix(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64], s[8];
	spread(block, w);
	memcpy(s, state, sizeof(s));
	for (int i = 0; i < 64; i++) {
		uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
		uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
		uint32_t first =
		    s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + choice + constants[i] + w[i];
		uint32_t second = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + majority;
		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += first;
		s[0] = first + second;
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

void sha256_begin(struct sha256 *sha)
{
	*sha = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
					 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_update(struct sha256 *sha, struct str bytes)
{
	size_t kept = (size_t)(sha->bytes % BLOCK), at = 0;
	sha->bytes += bytes.n;
	if (kept > 0) {
		at = bytes.n < BLOCK - kept ? bytes.n : BLOCK - kept;
		memcpy(sha->block + kept, bytes.p, at);
		if (kept + at < BLOCK)
			return;
		mix(sha->state, sha->block);
	}
	for (; bytes.n - at >= BLOCK; at += BLOCK)
		mix(sha->state, (const unsigned char *)bytes.p + at);
	if (at < bytes.n)
		memcpy(sha->block, bytes.p + at, bytes.n - at);
}

void sha256_end(struct sha256 *sha, char ret[SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t bits = sha->bytes * 8;
	char length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (char)(bits >> (56 - 8 * i) & 0xff);
	sha256_update(sha, STR("\x80"));
	while (sha->bytes % BLOCK != BLOCK - 8)
		sha256_update(sha, (struct str){"", 1});
	sha256_update(sha, (struct str){length, sizeof(length)});
	for (int i = 0; i < 64; i++)
		ret[i] = digits[sha->state[i / 8] >> (28 - 4 * (i % 8)) & 0xf];
	ret[64] = 0;
}

void sha256_hex(struct str bytes, char ret[SHA256_HEX_SIZE])
{
	struct sha256 sha;
	sha256_begin(&sha);
	if (bytes.n > 0)
		sha256_update(&sha, bytes);
	sha256_end(&sha, ret);
}

int sha256_file(int fd, const char *name, char ret[SHA256_HEX_SIZE], struct error *err)
{
	char piece[PIECE];
	struct sha256 sha;
	sha256_begin(&sha);
	for (int64_t done = 0;;) {
		ssize_t n = pread(fd, piece, sizeof(piece), (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "can't read %s", name);
		if (n == 0)
			break;
		sha256_update(&sha, (struct str){piece, (size_t)n});
		done += n;
	}
	sha256_end(&sha, ret);
	return 0;
}
