/* Included before every source file (compiler flag): calls that this code base doesn't make.
 *
 * Each is declared again as deprecated with the way out as message; -Werror makes a call fail to compile. */
#ifndef SKILLBOX_BASE_BANNED_H
#define SKILLBOX_BASE_BANNED_H

#define SKILLBOX_BANNED(instead) __attribute__((deprecated("banned: use " instead)))

/* Before the headers: with optimisation they define these inline, and clang takes no attribute after that. */
char *strcpy(char *, const char *) SKILLBOX_BANNED("struct buffer or memcpy");
char *strcat(char *, const char *) SKILLBOX_BANNED("struct buffer");
int atoi(const char *) SKILLBOX_BANNED("str_to_i64");
long atol(const char *) SKILLBOX_BANNED("str_to_i64");
int sprintf(char *, const char *, ...) SKILLBOX_BANNED("snprintf or buffer_appendf");
int vsprintf(char *, const char *, __builtin_va_list) SKILLBOX_BANNED("vsnprintf");

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

char *strtok(char *, const char *) SKILLBOX_BANNED("str_split_once");
int sscanf(const char *, const char *, ...) SKILLBOX_BANNED("a parser that checks ranges");
int system(const char *) SKILLBOX_BANNED("posix_spawn");
FILE *popen(const char *, const char *) SKILLBOX_BANNED("posix_spawn");
char *mktemp(char *) SKILLBOX_BANNED("mkostemp or O_TMPFILE");
struct tm *gmtime(const time_t *) SKILLBOX_BANNED("gmtime_r");
struct tm *localtime(const time_t *) SKILLBOX_BANNED("gmtime_r");

#undef SKILLBOX_BANNED
#endif
