#include "lib/db/db.h"

#include "lib/base/str.h"

#include <inttypes.h>
#include <stdlib.h>

void db_put_text(struct db_parameters *parameters, const char *value)
{
	if (!parameters || parameters->failed)
		return;
	char *copy = value ? str_dup(str_of(value)) : NULL;
	if (parameters->count == DB_MAX_PARAMETERS || (value && !copy)) {
		parameters->failed = true;
		parameters->too_large = !value || copy;
		free(copy);
		return;
	}
	parameters->bytes += value ? strlen(value) : 0;
	parameters->values[parameters->count++] = copy;
}

void db_put_int(struct db_parameters *parameters, int64_t value)
{
	char digits[32];
	snprintf(digits, sizeof(digits), "%" PRId64, value);
	db_put_text(parameters, digits);
}

void db_put_bool(struct db_parameters *parameters, bool value)
{
	db_put_text(parameters, value ? "t" : "f");
}

void db_put_time(struct db_parameters *parameters, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(wall_ms, true, text);
	db_put_text(parameters, wall_ms ? text : NULL);
}

struct db_parameters *db_parameters_new(void)
{
	return calloc(1, sizeof(struct db_parameters));
}

struct db_parameters *db_parameters_free(struct db_parameters *parameters)
{
	if (!parameters)
		return NULL;
	for (size_t i = 0; i < parameters->count; i++) {
		/* hashes of keys and users' data have no business in freed memory */
		if (parameters->values[i])
			explicit_bzero(parameters->values[i], strlen(parameters->values[i]));
		free(parameters->values[i]);
	}
	free(parameters);
	return NULL;
}
