/* Tables of texts, and what the shape at their first line is. */
#ifndef SKILLBOX_TESTS_CELL_SHAPE_ROWS_H
#define SKILLBOX_TESTS_CELL_SHAPE_ROWS_H

#include "runner/cell/shapes.h"

struct shape_row {
	const char *text;
	enum shape_rank rank;
	size_t end;
	const char *head; /* NULL: there is none of this kind */
	size_t more;
};

static inline void expect_shapes(const struct shape_row *rows, size_t count,
				 bool (*take)(const struct lines *, size_t, struct shape *))
{
	static struct lines lines;
	for (size_t i = 0; i < count; i++) {
		struct shape shape = {0};
		lines_read(str_of(rows[i].text), &lines);
		bool found = take(&lines, 0, &shape);
		if (found != (rows[i].head != NULL))
			fail_msg("\"%s\": found %d", rows[i].text, found);
		if (found && (shape.rank != rows[i].rank || shape.end != rows[i].end ||
			      shape.more_count != rows[i].more || !str_eq(shape.head, str_of(rows[i].head))))
			fail_msg("\"%s\": rank %d, end %zu, %zu more, \"%.*s\"", rows[i].text,
				 (int)shape.rank, shape.end, shape.more_count, (int)shape.head.n,
				 shape.head.p);
	}
}

/* The block at the first line, as `take` has it. */
#define EXPECT_SHAPES(rows, take) expect_shapes(rows, sizeof(rows) / sizeof((rows)[0]), take)

#endif
