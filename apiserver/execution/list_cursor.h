/* Where a page of executions ends: time and id of its last one. */
#ifndef SKILLBOX_APISERVER_EXECUTION_LIST_CURSOR_H
#define SKILLBOX_APISERVER_EXECUTION_LIST_CURSOR_H

#include "lib/base/error.h"
#include "lib/base/str.h"

struct list_cursor {
	int64_t created_ms;
	char id[64];
};

#define LIST_CURSOR_SIZE 96
void list_cursor_format(const struct list_cursor *cursor, char ret[LIST_CURSOR_SIZE]);
int list_cursor_parse(struct str text, struct list_cursor *ret, struct error *err);
/* < 0: a is listed before b (it is newer). */
int list_cursor_compare(const struct list_cursor *a, const struct list_cursor *b);

#endif
