#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/files/sha256.h"

#include <stdlib.h>

static void expect(struct str bytes, const char *wanted)
{
	char hex[SHA256_HEX_SIZE];
	sha256_hex(bytes, hex);
	assert_string_equal(hex, wanted);
}

/* NIST's examples (FIPS 180-4's companion), and the lengths around a block's end. */
static void test_examples(void **state)
{
	(void)state;
	expect(STR(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect(STR("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_a_million(void **state)
{
	const size_t count = 1000000;
	char *bytes = malloc(count);
	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'a', count);
	expect((struct str){bytes, count},
	       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	/* The same in pieces of every size around a block. */
	for (size_t piece = 1; piece < 200; piece += 33) {
		struct sha256 sha;
		char hex[SHA256_HEX_SIZE];
		sha256_begin(&sha);
		for (size_t at = 0; at < count; at += piece)
			sha256_update(&sha,
				      (struct str){bytes + at, count - at < piece ? count - at : piece});
		sha256_end(&sha, hex);
		assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
	free(bytes);
}

/* Of lengths where the padding needs one block more, by Python's hashlib. */
static void test_padding(void **state)
{
	char bytes[128];
	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	expect((struct str){bytes, 55}, "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
	expect((struct str){bytes, 56}, "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e");
	expect((struct str){bytes, 63}, "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2");
	expect((struct str){bytes, 64}, "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
	expect((struct str){bytes, 119}, "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c");
	expect((struct str){bytes, 120}, "13f05a0b594787f5ecd315edc96141bd3243203d1b7d4f0836f37308b276ba98");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_a_million),
					   cmocka_unit_test(test_padding)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
