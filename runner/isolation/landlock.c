#include "runner/isolation/landlock.h"

#include "lib/base/cleanup.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SOCK (1ull << 9)
#define FS_MAKE_FIFO (1ull << 10)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_MAKE_SYM (1ull << 12)
#define FS_REFER (1ull << 13)     /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_TCP (3ull)            /* ABI 4: bind and connect */
#define SCOPE_ALL (3ull)          /* ABI 6: abstract unix sockets and signals */

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/* Reading is not restricted: there is nothing secret in a sandbox, and the runner itself is not dumpable. */
#define HANDLED                                                                                              \
	(FS_EXECUTE | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_CHAR | FS_MAKE_DIR |          \
	 FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_BLOCK | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE |  \
	 FS_IOCTL_DEV)
#define WRITE_TREE                                                                                           \
	(FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK |         \
	 FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)
#define WRITE_DEVICE (FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
/* Rights that a file which is no directory can have. */
#define FILE_RIGHTS (FS_EXECUTE | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct rule {
	const char *path;
	uint64_t access;
};

/* Paths that an image doesn't have are left out. What may be written may not be executed, and the other way
 * round: also the archive's files, which nobody can write once they are in. */
static const struct rule rules[] = {
    {"/usr", FS_EXECUTE},
    {"/bin", FS_EXECUTE},
    {"/sbin", FS_EXECUTE},
    {"/lib", FS_EXECUTE},
    {"/lib32", FS_EXECUTE},
    {"/lib64", FS_EXECUTE},
    {"/opt", FS_EXECUTE},
    {PATH_SCRIPTS, FS_EXECUTE},
    {PATH_PACKAGES, FS_EXECUTE},
    {PATH_OUT, WRITE_TREE},
    {PATH_TMP, WRITE_TREE},
    /* POSIX semaphores and shared memory (Python's multiprocessing) are files there */
    {PATH_SHM, FS_WRITE_FILE | FS_MAKE_REG | FS_REMOVE_FILE | FS_REFER | FS_TRUNCATE},
    {"/dev/null", WRITE_DEVICE},
    {"/dev/zero", WRITE_DEVICE},
    {"/dev/full", WRITE_DEVICE},
    {"/dev/random", WRITE_DEVICE},
    {"/dev/urandom", WRITE_DEVICE},
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	return abi > 0 ? (int)abi : 0;
}

static int add_rule(int ruleset_fd, const char *path, uint64_t access, struct error *err)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_errno(err, "Landlock: open %s", path);
	if (!S_ISDIR(st.st_mode))
		access &= FILE_RIGHTS;
	struct path_beneath_attr attr = {.allowed_access = access, .parent_fd = fd};
	if (syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH_BENEATH, &attr, 0) != 0)
		return error_errno(err, "Landlock: rule for %s", path);
	return 0;
}

int landlock_prepare(int abi, const struct interpreters *interpreters, struct error *err)
{
	uint64_t handled = HANDLED;
	if (abi < 2)
		handled &= ~FS_REFER;
	if (abi < 3)
		handled &= ~FS_TRUNCATE;
	if (abi < 5)
		handled &= ~FS_IOCTL_DEV;
	struct ruleset_attr attr = {
	    .handled_access_fs = handled,
	    .handled_access_net = abi >= 4 ? NET_TCP : 0, /* and no rule that allows any */
	    .scoped = abi >= 6 ? SCOPE_ALL : 0,
	};
	/* The size says how much of the structure is meant; older kernels take a longer one if the rest is
	 * zero. */
	cleanup_close int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return error_errno(err, "Landlock: create the ruleset");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (add_rule(fd, rules[i].path, rules[i].access & handled, err) != 0)
			return -1;
	/* An image may keep its interpreter elsewhere: that one file, then. */
	for (size_t i = 0; i < INTERPRETER_COUNT; i++)
		if (interpreters->path[i][0] && add_rule(fd, interpreters->path[i], FS_EXECUTE, err) != 0)
			return -1;
	int ruleset_fd = fd;
	fd = -1;
	return ruleset_fd;
}

int landlock_restrict(int ruleset_fd)
{
	return (int)syscall(SYS_landlock_restrict_self, ruleset_fd, 0);
}
