/* One wheel, checked and unpacked without running anything of it: its folders and metadata, every file
 * against RECORD while its bytes pass once. Blocking and CPU-bound: on a server run it in the thread pool. */
#ifndef SKILLBOX_WHEEL_WHEEL_H
#define SKILLBOX_WHEEL_WHEEL_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/skill/archive.h"
#include "lib/skill/problems.h"
#include "lib/wheel/name.h"

/* Sees the files one after the other, in the order of the wheel, while they are read. What it has seen counts
 * only if all ends well. */
struct wheel_visitor {
	/* A file begins. entry->path is where it belongs in the folder of packages, entry->mode 0644 or 0755.
	 * hash: its line's in RECORD ("sha256=…"), empty for RECORD itself. 0: its bytes are wanted; 1: they
	 * are not, and are checked all the same; -1: the reading ends with this error. */
	int (*file)(void *context, const struct archive_entry *entry, struct str hash, struct error *err);
	/* The next of its bytes, at most about 256 KiB; -1 ends the reading. */
	int (*data)(void *context, struct str piece, struct error *err);
	void *context;
};

struct wheel_summary {
	/* Scripts, headers and data, which nothing would find: left out, with the first of them. */
	size_t left_out;
	char example[PROBLEMS_SHOWN_SIZE];
};

/* Read it from a file (from offset 0; the fd stays the caller's), whose name was parsed. -1 with err unset:
 * what is wrong is told in problems, without the wheel's name. */
int wheel_read(int fd, const struct wheel_name *name, const struct archive_limits *limits,
	       const struct wheel_visitor *visitor, struct wheel_summary *ret, struct problems *problems,
	       struct error *err);

#endif
