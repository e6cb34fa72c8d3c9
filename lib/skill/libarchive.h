/* libarchive, whose struct archive_entry would clash with ours: here it is struct libarchive_entry. */
#ifndef SKILLBOX_SKILL_LIBARCHIVE_H
#define SKILLBOX_SKILL_LIBARCHIVE_H

#define archive_entry libarchive_entry
#include <archive.h>
#include <archive_entry.h>
#undef archive_entry

#endif
