/* lib/base/digest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/digest.h"

#include "lib/base/id.h"
#include "lib/base/temporary.h"

/* FIPS 180-2 appendix B. */
static void sha256_vectors(void **state)
{
	(void)state;
	char hex[DIGEST_HEX_SIZE], text[DIGEST_TEXT_SIZE];
	assert_int_equal(digest_sha256_hex(STR("abc"), hex, NULL), 0);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(digest_text((struct str){NULL, 0}, text, NULL), 0);
	assert_string_equal(text, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_true(digest_is_text(str_of(text)));
}

static void in_pieces_it_is_the_same(void **state)
{
	(void)state;
	struct digest *d = digest_new(NULL);
	assert_non_null(d);
	unsigned char raw[32];
	char piece[1000], hex[DIGEST_HEX_SIZE];
	memset(piece, 'a', sizeof(piece));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(digest_update(d, piece, sizeof(piece), NULL), 0);
	assert_int_equal(digest_update(d, NULL, 0, NULL), 0);
	assert_int_equal(digest_finish(d, raw, NULL), 0);
	id_hex(raw, 32, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	assert_null(digest_free(d));
	assert_null(digest_free(NULL));
}

/* RFC 4231, test cases 1, 2 and 6. */
static void hmac_vectors(void **state)
{
	(void)state;
	char hex[DIGEST_HEX_SIZE], key[131];
	memset(key, 0x0b, 20);
	assert_int_equal(digest_hmac_sha256_hex((struct str){key, 20}, STR("Hi There"), hex, NULL), 0);
	assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	digest_hmac_sha256_hex(STR("Jefe"), STR("what do ya want for nothing?"), hex, NULL);
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	digest_hmac_sha256_hex((struct str){key, 131},
			       STR("Test Using Larger Than Block-Size Key - Hash Key First"), hex, NULL);
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	digest_hmac_sha256_hex((struct str){NULL, 0}, (struct str){NULL, 0}, hex, NULL);
	assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void knows_digest_text(void **state)
{
	(void)state;
	char text[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	assert_false(digest_is_text((struct str){text, strlen(text) - 1}));
	assert_false(digest_is_text(str_of(text + 7)));
	text[7] = 'E';
	assert_false(digest_is_text(str_of(text)));
	text[7] = '/';
	assert_false(digest_is_text(str_of(text)));
	assert_false(digest_is_text(STR("sha256:")));
	assert_false(digest_is_text((struct str){NULL, 0}));
}

/* The descriptor's own offset neither counts nor changes; a file that became shorter is told, not hashed. */
static void hashes_a_part_of_a_file(void **state)
{
	(void)state;
	struct error err;
	char hex[DIGEST_HEX_SIZE], text[DIGEST_TEXT_SIZE];
	cleanup_close int fd = temporary_file(&err);
	assert_true(fd >= 0);
	assert_int_equal(temporary_write(fd, STR("xxabcyyy"), &err), 0);
	assert_int_equal(digest_file_hex(fd, 2, 3, hex, &err), 0);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 8);
	assert_int_equal(digest_file_text(fd, 8, 0, text, &err), 0);
	assert_string_equal(text, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(digest_file_text(fd, 2, 7, text, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "can't read a file for its digest: it ends at byte 8 of 9");
	assert_int_equal(digest_file_hex(-1, 0, 1, hex, &err), -1);
	assert_int_equal(err.code, ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha256_vectors),          cmocka_unit_test(in_pieces_it_is_the_same),
	    cmocka_unit_test(hashes_a_part_of_a_file), cmocka_unit_test(hmac_vectors),
	    cmocka_unit_test(knows_digest_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
