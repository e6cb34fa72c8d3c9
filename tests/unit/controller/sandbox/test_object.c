#include "controller/sandbox/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define META(uid) "\"metadata\":{\"name\":\"n\",\"namespace\":\"ns\",\"uid\":\"" uid "\"}"

static const struct error gone = {ERR_NOT_FOUND, "executions \"n\" not found"},
			  away = {ERR_UNAVAILABLE, "no route"};

/* Both kinds, by the same rules. */
static void only_the_object_that_was_meant(void **state)
{
	(void)state;
	static const struct {
		const struct error *error;
		const char *body;
		enum error_code code; /* ERR_NONE: it is taken */
		const char *words;
	} rows[] = {
	    {NULL, "{" META("u") ",\"spec\":{}}", ERR_NONE, ""},
	    {NULL, "{" META("other") ",\"spec\":{}}", ERR_NOT_FOUND, "was deleted before"},
	    {NULL, "{\"metadata\":{\"name\":\"n\"}}", ERR_NOT_FOUND, "was deleted before"},
	    {NULL, "{}", ERR_BAD_REQUEST, "could not be read: metadata: is missing"},
	    {&gone, "", ERR_NOT_FOUND, "was deleted before"},
	    {&away, "", ERR_UNAVAILABLE, "could not be read: no route"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kube_response response = {.body = str_of(rows[i].body), .error = rows[i].error};
		struct error err = {0}, skill_err = {0};
		cleanup_execution struct execution *execution = object_read_execution(&response, "u", &err);
		cleanup_skill struct skill *skill = object_read_skill(&response, "u", &skill_err);
		assert_int_equal(execution != NULL, rows[i].code == ERR_NONE);
		assert_int_equal(skill != NULL, rows[i].code == ERR_NONE);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(skill_err.code, rows[i].code);
		assert_non_null(strstr(err.message, rows[i].words));
		assert_non_null(strstr(skill_err.message, rows[i].words));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_object_that_was_meant)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
