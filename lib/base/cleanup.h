/* Variables that release themselves at the end of their scope: the whole family, in one place.
 *
 *	cleanup_buffer struct buffer text = BUFFER(4096);
 *	cleanup_close int fd = temporary_file(err);
 *	cleanup_free char *copy = str_dup(s);
 *
 * Such a variable is set where it is declared, to something or to what means nothing (BUFFER, -1, NULL): what
 * was never set would be released all the same. Who hands its content on sets it back to nothing.
 *
 * A type of another library has its own attribute beside its x_free, made by CLEANUP_FUNCTION. */
#ifndef SKILLBOX_BASE_CLEANUP_H
#define SKILLBOX_BASE_CLEANUP_H

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/* Defines x_cleanup, which calls x_free on the pointer that it is given the address of:
 *
 *	CLEANUP_FUNCTION(skill)
 *	#define cleanup_skill __attribute__((cleanup(skill_cleanup))) */
#define CLEANUP_FUNCTION(type)                                                                               \
	static inline void type##_cleanup(struct type **variable)                                            \
	{                                                                                                    \
		type##_free(*variable);                                                                      \
	}

static inline void cleanup_run_free(void *variable)
{
	free(*(void **)variable);
}

static inline void cleanup_run_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_run_closedir(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

/* A pointer from malloc, str_dup, buffer_steal …; NULL is nothing. */
#define cleanup_free __attribute__((cleanup(cleanup_run_free)))

/* An int; a negative number is nothing. */
#define cleanup_close __attribute__((cleanup(cleanup_run_close)))

/* A DIR *; NULL is nothing. */
#define cleanup_closedir __attribute__((cleanup(cleanup_run_closedir)))

/* A struct buffer (lib/base/buffer.h), and one that holds a secret. */
#define cleanup_buffer __attribute__((cleanup(buffer_free)))
#define cleanup_secret_buffer __attribute__((cleanup(buffer_wipe)))

/* A struct digest * (lib/base/digest.h). */
#define cleanup_digest __attribute__((cleanup(digest_cleanup)))

#endif
