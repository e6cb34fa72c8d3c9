#include "lib/wheel/record.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* ---- lines */

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* *end: what stands behind it, a comma or a line end; '\0' at the end of the text. */
static int take_quoted(struct str *text, struct str *ret, struct error *err)
{
	char *out = (char *)text->p; /* a buffer's, see the header */
	size_t n = 0, i = 1;
	for (;; i++) {
		if (i == text->n)
			return error_set(err, ERR_INVALID_SKILL, "a quotation mark is not closed");
		if (text->p[i] == '"' && (i + 1 == text->n || text->p[++i] != '"'))
			break;
		out[n++] = text->p[i];
	}
	if (i + 1 == text->n && text->p[i] == '"')
		i++;
	*ret = (struct str){out, n};
	*text = (struct str){text->p + i, text->n - i};
	if (text->n > 0 && text->p[0] != ',' && !is_line_end(text->p[0]))
		return error_set(err, ERR_INVALID_SKILL, "there is more behind a closed quotation mark");
	return 0;
}

static int take_field(struct str *text, struct str *ret, struct error *err)
{
	if (text->n > 0 && text->p[0] == '"')
		return take_quoted(text, ret, err);
	size_t n = 0;
	while (n < text->n && text->p[n] != ',' && !is_line_end(text->p[n]))
		n++;
	*ret = (struct str){text->p, n};
	*text = (struct str){text->p + n, text->n - n};
	return 0;
}

static int take_fields(struct str *text, struct str fields[3], struct error *err)
{
	for (size_t i = 0; i < 3; i++) {
		if (take_field(text, &fields[i], err) != 0)
			return -1;
		bool is_comma = text->n > 0 && text->p[0] == ',';
		if (is_comma != (i < 2))
			return error_set(err, ERR_INVALID_SKILL,
					 "a line must have three fields: path, hash and size");
		if (is_comma)
			*text = (struct str){text->p + 1, text->n - 1};
	}
	return 0;
}

static const EVP_MD *find_algorithm(struct str hash, struct str *ret_digest)
{
	struct str name;
	str_split_once(hash, '=', &name, ret_digest);
	if (str_eq(name, STR("sha256")))
		return EVP_sha256();
	if (str_eq(name, STR("sha384")))
		return EVP_sha384();
	return str_eq(name, STR("sha512")) ? EVP_sha512() : NULL;
}

int record_next(struct str *text, struct record_line *ret, struct error *err)
{
	struct str fields[3], digest;
	while (text->n > 0 && is_line_end(text->p[0]))
		*text = (struct str){text->p + 1, text->n - 1};
	if (text->n == 0)
		return 0;
	if (take_fields(text, fields, err) != 0)
		return -1;
	struct record_line line = {.path = fields[0], .hash = fields[1], .has_size = fields[2].n > 0};
	if (line.has_size && !str_to_i64(fields[2], 0, INT64_MAX, &line.size))
		return error_set(err, ERR_INVALID_SKILL, "a size is no number");
	if (line.hash.n > 0 && !find_algorithm(line.hash, &digest))
		return error_set(err, ERR_INVALID_SKILL, "a hash is none of sha256=, sha384= and sha512=");
	while (line.hash.n > 0 && line.hash.p[line.hash.n - 1] == '=')
		line.hash.n--;
	*ret = line;
	return 1;
}

/* ---- hashes */

struct record_hash {
	EVP_MD_CTX *context;
};

struct record_hash *record_hash_new(struct error *err)
{
	struct record_hash *hash = calloc(1, sizeof(*hash));
	if (hash)
		hash->context = EVP_MD_CTX_new();
	if (hash && hash->context)
		return hash;
	error_no_memory(err);
	return record_hash_free(hash);
}

struct record_hash *record_hash_free(struct record_hash *hash)
{
	if (hash)
		EVP_MD_CTX_free(hash->context);
	free(hash);
	return NULL;
}

int record_hash_begin(struct record_hash *hash, struct str expected, struct error *err)
{
	struct str digest;
	const EVP_MD *algorithm = find_algorithm(expected, &digest);
	if (!algorithm || EVP_DigestInit_ex(hash->context, algorithm, NULL) != 1)
		return error_set(err, ERR_INTERNAL, "a hash of RECORD is not available in this OpenSSL");
	return 0;
}

int record_hash_update(struct record_hash *hash, struct str bytes, struct error *err)
{
	if (bytes.n > 0 && EVP_DigestUpdate(hash->context, bytes.p, bytes.n) != 1)
		return error_set(err, ERR_INTERNAL, "a hash failed");
	return 0;
}

int record_hash_matches(struct record_hash *hash, struct str expected, bool *ret, struct error *err)
{
	unsigned char raw[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
	unsigned size = 0;
	struct str digest;
	find_algorithm(expected, &digest);
	if (EVP_DigestFinal_ex(hash->context, raw, &size) != 1)
		return error_set(err, ERR_INTERNAL, "a hash failed");
	size_t n = (size_t)EVP_EncodeBlock(text, raw, (int)size);
	while (n > 0 && text[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) /* to the alphabet that is safe in URLs */
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	*ret = str_eq(digest, (struct str){(const char *)text, n});
	return 0;
}
