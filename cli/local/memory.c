#include "cli/local/memory.h"

#include "lib/base/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEXT_BYTES 4096     /* of one of a process's texts; far above what the kernel writes */
#define IPC_BYTES (4 << 20) /* of a list of segments or queues; the kernel has 4096 and 32000 at most */
#define PID_MAX INT32_MAX
#define SHM_RSS 14 /* columns of /proc/sysvipc/shm and msg: the first is 0 */
#define MSG_CBYTES 3

/* The next word, and what follows. */
static struct str next_word(struct str *rest)
{
	struct str word;
	*rest = str_trim(*rest);
	size_t n = 0;
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	word = (struct str){rest->p, n};
	*rest = (struct str){rest->p + n, rest->n - n};
	return word;
}

bool memory_parse_statm(struct str text, int64_t page, int64_t *ret_bytes)
{
	/* "SIZE RESIDENT …", in pages */
	int64_t pages;
	next_word(&text);
	if (!str_to_i64(next_word(&text), 0, INT64_MAX / page, &pages))
		return false;
	*ret_bytes = pages * page;
	return true;
}

bool memory_parse_parent(struct str text, int64_t *ret_parent)
{
	/* "PID (NAME) STATE PPID …": behind the last ')' there are only numbers. */
	size_t end = text.n;
	while (end > 0 && text.p[end - 1] != ')')
		end--;
	if (end == 0 || text.n - end < 4 || text.p[end] != ' ' || text.p[end + 2] != ' ')
		return false;
	struct str word, rest = {text.p + end + 3, text.n - end - 3};
	str_split_once(rest, ' ', &word, &rest);
	return str_to_i64(word, 0, PID_MAX, ret_parent);
}

int64_t memory_parse_field(struct str text, struct str key)
{
	struct str line, name, value;
	while (text.n > 0) {
		int64_t kib;
		str_split_once(text, '\n', &line, &text);
		if (str_split_once(line, ':', &name, &value) && str_eq(name, key) &&
		    str_to_i64(next_word(&value), 0, INT64_MAX >> 10, &kib))
			return kib << 10;
	}
	return 0;
}

int64_t memory_parse_column(struct str text, int column)
{
	int64_t total = 0, bytes;
	struct str line;
	while (text.n > 0) {
		struct str word = {NULL, 0};
		str_split_once(text, '\n', &line, &text);
		for (int i = 0; i <= column; i++)
			word = next_word(&line);
		/* The first line has names. */
		if (str_to_i64(word, 0, INT64_MAX >> 2, &bytes))
			total = total > INT64_MAX >> 2 ? total : total + bytes;
	}
	return total;
}

/* The kernel gives a page or so at a time. */
static struct str read_text(int folder, const char *name, char *bytes, size_t size)
{
	cleanup_close int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	for (ssize_t got = 1; fd >= 0 && got > 0 && n<size; n += got> 0 ? (size_t)got : 0)
		got = read(fd, bytes + n, size - n);
	return (struct str){bytes, n};
}

/* One look on its way. */
struct look {
	DIR *proc;
	bool is_exact;
	int64_t own, shared; /* of all processes */
	struct memory_use use;
};

/* Pages that several share are shared out among them. What can't be read so (a process that keeps others from
 * looking into it) counts as a whole. */
static void measure(int folder, int64_t *ret_own, int64_t *ret_shared)
{
	char bytes[TEXT_BYTES];
	struct str text = read_text(folder, "smaps_rollup", bytes, sizeof(bytes));
	*ret_own = memory_parse_field(text, STR("Pss_Anon"));
	*ret_shared = memory_parse_field(text, STR("Pss_Shmem"));
	if (text.n > 0)
		return;
	text = read_text(folder, "status", bytes, sizeof(bytes));
	*ret_own = memory_parse_field(text, STR("RssAnon"));
	*ret_shared = memory_parse_field(text, STR("RssShmem"));
}

static void add_process(struct look *look, int folder, int64_t pid)
{
	char bytes[TEXT_BYTES];
	int64_t own, shared = 0, parent;
	struct memory_use *use = &look->use;
	if (!memory_parse_statm(read_text(folder, "statm", bytes, sizeof(bytes)), sysconf(_SC_PAGESIZE),
				&own))
		return; /* it has ended */
	if (look->is_exact)
		measure(folder, &own, &shared);
	use->processes++;
	look->own += own;
	look->shared += shared;
	if (pid == 1 || own + shared < use->largest_bytes ||
	    !memory_parse_parent(read_text(folder, "stat", bytes, sizeof(bytes)), &parent) || parent == 0)
		return;
	use->largest_pid = pid;
	use->largest_bytes = own + shared;
}

static void add_processes(struct look *look)
{
	struct dirent *entry;
	int64_t pid;
	rewinddir(look->proc);
	while ((entry = readdir(look->proc)) != NULL) {
		if (!str_to_i64(str_of(entry->d_name), 1, PID_MAX, &pid))
			continue;
		cleanup_close int folder =
		    openat(dirfd(look->proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder >= 0)
			add_process(look, folder, pid);
	}
}

static int64_t size_of_files(const char *path)
{
	struct statvfs fs;
	if (statvfs(path, &fs) != 0 || fs.f_blocks < fs.f_bfree)
		return 0;
	return (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize);
}

/* Of files in memory, segments and messages, which are there whether anybody has them mapped or not. */
static int64_t size_of_shared(DIR *proc, const char *const *folders, size_t count)
{
	static char bytes[IPC_BYTES]; /* of a program that does nothing else */
	struct str segments = read_text(dirfd(proc), "sysvipc/shm", bytes, sizeof(bytes));
	int64_t total = memory_parse_column(segments, SHM_RSS);
	struct str queues = read_text(dirfd(proc), "sysvipc/msg", bytes, sizeof(bytes));
	total += memory_parse_column(queues, MSG_CBYTES);
	for (size_t i = 0; i < count; i++)
		total += size_of_files(folders[i]);
	return total;
}

void memory_look(DIR *proc, const char *const *folders, size_t folder_count, int64_t enough,
		 struct memory_use *ret)
{
	int64_t kept = size_of_shared(proc, folders, folder_count);
	struct look rough = {.proc = proc}, exact = {.proc = proc, .is_exact = true};
	add_processes(&rough);
	*ret = rough.use;
	ret->bytes = rough.own + kept;
	if (ret->bytes <= enough)
		return;
	add_processes(&exact);
	*ret = exact.use;
	/* Of what is shared a part is in files and segments, and a part in neither; it is not told apart, and
	 * not counted twice. */
	ret->bytes = exact.own + (exact.shared > kept ? exact.shared : kept);
}

bool memory_kill(DIR *proc, int64_t pid)
{
	char name[16];
	snprintf(name, sizeof(name), "%d", (int)pid);
	/* Its folder stands for the process itself: another one that has its number by now isn't meant. */
	cleanup_close int folder = openat(dirfd(proc), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder >= 0 && syscall(SYS_pidfd_send_signal, folder, SIGKILL, NULL, 0) == 0;
}
