#include "apiserver/execution/list_cursor.h"

#include "lib/base/id.h"

#include <inttypes.h>
#include <stdio.h>

void list_cursor_format(const struct list_cursor *cursor, char ret[LIST_CURSOR_SIZE])
{
	snprintf(ret, LIST_CURSOR_SIZE, "%" PRId64 "_%s", cursor->created_ms, cursor->id);
}

int list_cursor_parse(struct str text, struct list_cursor *ret, struct error *err)
{
	struct str created, id;
	struct list_cursor cursor;
	if (!str_split_once(text, '_', &created, &id) ||
	    !str_to_i64(created, 0, INT64_MAX, &cursor.created_ms) || !id_is_uuid(id))
		return error_set(err, ERR_BAD_REQUEST,
				 "cursor must be the \"next\" of an earlier answer, not \"%.*s\"",
				 (int)(text.n < 64 ? text.n : 64), text.p);
	snprintf(cursor.id, sizeof(cursor.id), "%.*s", (int)id.n, id.p);
	*ret = cursor;
	return 0;
}

int list_cursor_compare(const struct list_cursor *a, const struct list_cursor *b)
{
	if (a->created_ms != b->created_ms)
		return a->created_ms > b->created_ms ? -1 : 1;
	return strcmp(b->id, a->id);
}
