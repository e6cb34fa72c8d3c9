/* The fields of an object that is a request of ours. */
#include "lib/base/jsontext.h"
#include "lib/base/jsontext_internal.h"
#include "lib/base/nearest.h"
#include "lib/base/utf8.h"

#define LIST_MAX 512 /* bytes of the list of all names */

static int refuse_unknown(struct str name, const char *const *names, size_t count, struct error *err)
{
	const char *near = nearest_name(name, names, count);
	if (near)
		return error_set(err, ERR_BAD_REQUEST, "unknown field '%.*s'; did you mean '%s'?",
				 utf8_shown(name), name.n ? name.p : "", near);
	cleanup_buffer struct buffer list = BUFFER(LIST_MAX);
	for (size_t i = 0; i < count; i++)
		buffer_appendf(&list, "%s'%s'", i ? ", " : "", names[i]);
	return error_set(err, ERR_BAD_REQUEST, "unknown field '%.*s'; the fields are %s", utf8_shown(name),
			 name.n ? name.p : "", list.data ? list.data : "none");
}

int jsontext_read_fields(struct str object, const char *const *names, size_t count, struct str *ret_values,
			 struct error *err)
{
	struct str raw, value;
	for (size_t i = 0; i < count; i++)
		ret_values[i] = (struct str){0};
	for (size_t position = 0; jsontext_next_member(object, &position, &raw, &value);) {
		cleanup_buffer struct buffer name = BUFFER(raw.n);
		(void)jsontext_decode_raw(raw, &name); /* half a surrogate pair is in no name */
		if (name.failed)
			return buffer_check(&name, "the name of a field", err);
		size_t i = 0;
		while (i < count && !str_eq(buffer_str(&name), str_of(names[i])))
			i++;
		if (i == count)
			return refuse_unknown(buffer_str(&name), names, count, err);
		if (ret_values[i].p)
			return error_set(err, ERR_BAD_REQUEST, "the field '%s' is there twice: send it once",
					 names[i]);
		ret_values[i] = value;
	}
	return 0;
}
