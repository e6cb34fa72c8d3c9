/* Runs at build time: writes the seccomp filter as a C array to the file named by its argument.
 *
 * The filter is on top of the Pod's own profile (RuntimeDefault, a list of what is allowed) and narrows
 * it, and in runtimes that ignore that profile (gVisor) it is the only one. So it lists what is refused:
 * system calls that a skill never needs and that reach parts of the kernel with a history, or other
 * processes. EPERM where a program should see that it was refused; ENOSYS where libraries know how to do
 * without. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* clang-format off */
static const char *const refused[] = {
	/* other processes: their memory, descriptors, control */
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp",
	"pidfd_send_signal", /* takes /proc/1 for a pidfd */
	/* keys */
	"keyctl", "add_key", "request_key",
	/* programs and probes inside the kernel */
	"bpf", "perf_event_open", "userfaultfd", "lookup_dcookie", "seccomp",
	/* mounts and namespaces */
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "fsopen", "fsmount", "fsconfig", "fspick",
	"open_tree", "mount_setattr", "unshare", "setns",
	/* files by handle, watching a whole file system */
	"open_by_handle_at", "name_to_handle_at", "fanotify_init", "fanotify_mark", "quotactl", "quotactl_fd", "acct",
	/* memory tricks */
	"memfd_secret", "vmsplice",
	/* the machine */
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module",
	"get_kernel_syms", "query_module", "reboot", "swapon", "swapoff", "settimeofday", "stime", "clock_settime",
	"clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "sethostname", "setdomainname", "syslog",
	"vhangup", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "nfsservctl", "uselib", "ustat", "sysfs",
	"_sysctl", "bdflush", "pciconfig_read", "pciconfig_write", "pciconfig_iobase",
	/* placement in the machine's memory */
	"move_pages", "migrate_pages",
};

/* Callers of these know what to do on ENOSYS: libc takes clone, libuv epoll, numa libraries nothing at all. */
static const char *const absent[] = {
	"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create", "get_mempolicy",
	"set_mempolicy", "mbind", "set_mempolicy_home_node",
	/* a node has 128 instances a user, which all sandboxes share, and with a user namespace its root as well */
	"inotify_init", "inotify_init1",
};
/* clang-format on */

/* Newer than the build's libseccomp; from 424 on a number means the same on every architecture. */
static const int absent_numbers[] = {
    457 /* statmount */,
    458 /* listmount */,
    460 /* lsm_set_self_attr */,
};

/* From here on nobody has looked at what the calls do: they are not there. mseal (462) is the last one known.
 */
#define FIRST_UNKNOWN 463u
/* Between an architecture's own numbers and those that all share nothing was for years; Linux has begun to
 * put calls there (335 and 336 of x86-64 are of its probes). */
#define FIRST_COMMON 424u
#if defined(__x86_64__)
#define FIRST_OF_GAP 335u
#else
#define FIRST_OF_GAP 295u
#endif
#define NO_CALL UINT32_MAX  /* what tracers put in the place of a call; libseccomp lets it pass */
#define X32_BIT 0x40000000u /* numbers of another entry, which ends the process */

/* Nor may a child be made a child of PID 1 (CLONE_PARENT): with an exit signal of its own it would be none
 * that a plain wait() finds. */
#define OTHERS_CHILD CLONE_PARENT

/* clone3 hands its flags over in memory, where a filter can't look: hence ENOSYS above. CLONE_NEWTIME has the
 * bit of a signal number in clone and is only for unshare and clone3. */
static const uint64_t namespaces[] = {
    CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET,
};

static const uint64_t terminal_requests[] = {
    TIOCSTI,  /* types into a terminal */
    0x541c,   /* TIOCLINUX: does so too */
    TIOCSETD, /* loads line disciplines */
};

/* Their first argument is the process that they reach. Who has the uid of PID 1 may not only send signals to
 * it, but also change how it is scheduled. */
static const char *const to_process[] = {
    "kill",
    "tkill",
    "tgkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_open",
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_setparam",
    "sched_setattr",
};

static int add(scmp_filter_ctx filter, int error_number, const char *name, unsigned count,
	       struct scmp_arg_cmp compare)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR) {
		fprintf(stderr, "unknown system call %s\n", name);
		return -1;
	}
	int r = count ? seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error_number), number, 1, compare)
		      : seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error_number), number, 0);
	if (r != 0)
		fprintf(stderr, "rule for %s: %s\n", name, strerror(-r));
	return r;
}

static int add_lists(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp none = {0};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (add(filter, EPERM, refused[i], 0, none) != 0)
			return -1;
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (add(filter, ENOSYS, absent[i], 0, none) != 0)
			return -1;
	for (size_t i = 0; i < sizeof(absent_numbers) / sizeof(absent_numbers[0]); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), absent_numbers[i], 0) != 0)
			return -1;
	return 0;
}

/* Rules on arguments. The kernel uses the low 32 bits of an int argument and ignores the others, so an
 * "equal" must mask them away; a "not equal" need not. */
static int add_arguments(scmp_filter_ctx filter)
{
	const uint64_t low = UINT32_MAX;
	if (add(filter, EPERM, "socket", 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0)) != 0 ||
	    add(filter, EPERM, "socketpair", 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0)) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (add(filter, EPERM, "clone", 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i])) != 0)
			return -1;
	for (size_t i = 0; i < sizeof(terminal_requests) / sizeof(terminal_requests[0]); i++)
		if (add(filter, EPERM, "ioctl", 1, SCMP_A1(SCMP_CMP_MASKED_EQ, low, terminal_requests[i])) !=
		    0)
			return -1;
	/* PID 1 is the runner. Linux protects it from signals of its namespace, gVisor doesn't; so neither a
	 * call, nor the end of a child that asked for such a signal, nor a descriptor's readiness (F_SETSIG)
	 * may bring SIGKILL. */
	for (size_t i = 0; i < sizeof(to_process) / sizeof(to_process[0]); i++)
		if (add(filter, EPERM, to_process[i], 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, 1)) != 0)
			return -1;
	/* Second argument: of which process, group or user; first argument: all of a user. */
	if (add(filter, EPERM, "setpriority", 1, SCMP_A1(SCMP_CMP_MASKED_EQ, low, 1)) != 0 ||
	    add(filter, EPERM, "ioprio_set", 1, SCMP_A1(SCMP_CMP_MASKED_EQ, low, 1)) != 0 ||
	    add(filter, EPERM, "setpriority", 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, PRIO_USER)) != 0 ||
	    add(filter, EPERM, "ioprio_set", 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, 3 /* a user */)) != 0)
		return -1;
	/* A limit of CPU time on PID 1 would be its end, and so would one on its descriptors: only one's own.
	 */
	if (add(filter, EPERM, "prlimit64", 1, SCMP_A0(SCMP_CMP_NE, 0, 0)) != 0)
		return -1;
	if (add(filter, EPERM, "clone", 1, SCMP_A0(SCMP_CMP_MASKED_EQ, OTHERS_CHILD, OTHERS_CHILD)) != 0 ||
	    add(filter, EPERM, "clone", 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xff, SIGKILL)) != 0 ||
	    add(filter, EPERM, "clone", 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xff, SIGSTOP)) != 0 ||
	    add(filter, EPERM, "fcntl", 1, SCMP_A1(SCMP_CMP_MASKED_EQ, low, F_SETSIG)) != 0)
		return -1;
	/* device nodes; FIFOs and plain files pass */
	static const uint64_t devices[] = {S_IFCHR, S_IFBLK};
	for (size_t i = 0; i < 2; i++)
		if (add(filter, EPERM, "mknod", 1, SCMP_A1(SCMP_CMP_MASKED_EQ, S_IFMT, devices[i])) != 0 ||
		    add(filter, EPERM, "mknodat", 1, SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, devices[i])) != 0)
			return -1;
	/* 0 (PER_LINUX) and 0xffffffff (only asks) pass. A value is neither of them if, going round its bits,
	 * one that is set is followed by one that isn't; a rule can hold only one comparison for an argument.
	 */
	for (unsigned i = 0; i < 32; i++) {
		uint64_t bit = 1ull << i, next = 1ull << ((i + 1) % 32);
		if (add(filter, EPERM, "personality", 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit | next, bit)) != 0)
			return -1;
	}
	return 0;
}

/* Before libseccomp's program, which has no rule on ranges of numbers. */
static const struct sock_filter head[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NO_CALL, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_UNKNOWN, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_COMMON, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_OF_GAP, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
};

static void write_instruction(const struct sock_filter *instruction, FILE *out)
{
	fprintf(out, "\t{0x%02x, %u, %u, 0x%08x},\n", instruction->code, instruction->jt, instruction->jf,
		instruction->k);
}

static int write_array(int bpf_fd, FILE *out)
{
	struct sock_filter instruction;
	fprintf(out, "/* made by runner/isolation/seccomp/generate.c */\nstatic const struct sock_filter "
		     "filter_program[] = {\n");
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		write_instruction(&head[i], out);
	ssize_t n;
	while ((n = read(bpf_fd, &instruction, sizeof(instruction))) == (ssize_t)sizeof(instruction))
		write_instruction(&instruction, out);
	fprintf(out, "};\n");
	return n == 0 ? 0 : -1;
}

static int generate(scmp_filter_ctx filter, const char *path)
{
	/* Another architecture's entry (i386, x32) would give the numbers another meaning: such a process
	 * ends. */
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0 || add_lists(filter) != 0 ||
	    add_arguments(filter) != 0)
		return -1;
	FILE *bpf = tmpfile();
	if (!bpf)
		return -1;
	FILE *out = fopen(path, "w");
	int r = -1;
	if (out && seccomp_export_bpf(filter, fileno(bpf)) == 0 && lseek(fileno(bpf), 0, SEEK_SET) == 0)
		r = write_array(fileno(bpf), out);
	if (out && fclose(out) != 0)
		r = -1;
	fclose(bpf);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s OUTPUT.h\n", argv[0]);
		return 64;
	}
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return 1;
	int r = generate(filter, argv[1]);
	seccomp_release(filter);
	if (r != 0) {
		fprintf(stderr, "%s: the filter could not be made\n", argv[0]);
		unlink(argv[1]);
		return 1;
	}
	return 0;
}
