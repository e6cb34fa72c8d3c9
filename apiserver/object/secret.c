#include "apiserver/object/secret.h"

#include <openssl/evp.h>
#include <stdlib.h>

int secret_read_base64(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	cleanup_free char *encoded = NULL;
	if (json_read_string(value, path, max, &encoded, err) != 0)
		return -1;
	size_t n = strlen(encoded);
	if (n % 4 != 0)
		return json_error(path, err, "must be base64");
	unsigned char *decoded = calloc(1, n / 4 * 3 + 1);
	if (!decoded)
		return error_no_memory(err);
	int length = EVP_DecodeBlock(decoded, (const unsigned char *)encoded, (int)n);
	if (length < 0) {
		free(decoded);
		return json_error(path, err, "must be base64");
	}
	/* EVP_DecodeBlock counts the padding as zero bytes. */
	for (size_t i = n; length > 0 && i > 0 && encoded[i - 1] == '=' && n - i < 2; i--)
		length--;
	decoded[length] = '\0';
	free(*(char **)target);
	*(char **)target = (char *)decoded;
	return 0;
}
