#include "runner/isolation/seccomp/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

/* static const struct sock_filter filter_program[] = {…}; */
#include "seccomp_program.h"

bool seccomp_filter_is_supported(void)
{
	/* A NULL program is refused with EFAULT where there are filters, with EINVAL where there are none. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != 0 && errno == EFAULT;
}

unsigned seccomp_filter_length(void)
{
	return sizeof(filter_program) / sizeof(filter_program[0]);
}

int seccomp_filter_install(void)
{
	struct sock_fprog program = {
	    .len = sizeof(filter_program) / sizeof(filter_program[0]),
	    .filter = (struct sock_filter *)filter_program, /* the kernel copies it */
	};
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
