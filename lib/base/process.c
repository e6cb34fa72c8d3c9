#include "lib/base/process.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define LARGE_BUFFER (128 * 1024) /* glibc's own first threshold */

#if defined(__SANITIZE_ADDRESS__)
#define HAS_LEAK_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_LEAK_SANITIZER 1
#endif
#endif

#ifdef HAS_LEAK_SANITIZER
/* LeakSanitizer attaches to its own process at the end. */
static void unseal(void)
{
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
#endif

int process_seal(struct error *err)
{
	const struct rlimit none = {0, 0};
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return error_errno(err, "setrlimit RLIMIT_CORE");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_errno(err, "prctl PR_SET_DUMPABLE");
#ifdef HAS_LEAK_SANITIZER
	if (atexit(unseal) != 0)
		return error_no_memory(err);
#endif
	return 0;
}

void process_return_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER);
	mallopt(M_TRIM_THRESHOLD, LARGE_BUFFER);
}
