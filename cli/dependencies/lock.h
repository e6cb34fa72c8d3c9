/* requirements.lock: what was downloaded, in pip's own format, with hashes. Comments at its head say how it
 * was made; one without them was made by another tool (pip-compile, uv), and is used as it is. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_LOCK_H
#define SKILLBOX_CLI_DEPENDENCIES_LOCK_H

#include "cli/dependencies/requirements.h"
#include "cli/files/sha256.h"
#include "lib/wheel/target.h"

#define LOCK_NAME "requirements.lock"
#define LOCK_MAX ((size_t)4 << 20)

struct lock {
	bool is_there;
	bool is_ours;                   /* made by this program */
	char target[WHEEL_TARGET_SIZE]; /* of ours: what its head says; "" if it can't be read */
	struct buffer text;
};
#define LOCK ((struct lock){.text = BUFFER(LOCK_MAX)})

/* One wheel that was downloaded. */
struct lock_wheel {
	const char *name; /* of the file */
	char hex[SHA256_HEX_SIZE];
};

/* That of the skill's folder, if there is one. */
int lock_read(const char *folder, struct lock *ret, struct error *err);
static inline void lock_free(struct lock *lock)
{
	buffer_free(&lock->text);
}
#define cleanup_lock __attribute__((cleanup(lock_free)))

/* Is it made of these requirements, for this target? */
bool lock_is_of(const struct lock *lock, const struct requirements *requirements, const char *target);
/* Has it this hash? */
bool lock_has_hash(const struct lock *lock, const char *hex);

/* Append the text of a lock. */
int lock_write(const struct requirements *requirements, const char *target, const struct lock_wheel *wheels,
	       size_t count, struct buffer *out, struct error *err);

#endif
