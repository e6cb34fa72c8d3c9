/* skillbox-runner: what runs inside every sandbox. */
#include "runner/channel/relay.h"
#include "runner/init.h"
#include "runner/install.h"

#include <sys/prctl.h>

static const char usage[] =
    "usage: skillbox-runner             PID 1 of a sandbox; takes one job over its socket\n"
    "       skillbox-runner relay       connect stdin and stdout with PID 1\n"
    "       skillbox-runner copy DEST   copy this program to DEST, and node's hook beside it\n"
    "       skillbox-runner version\n"
    "       skillbox-runner --help\n";

static int copy(const char *destination)
{
	struct error err = {0};
	if (install_hook(destination, &err) == 0 && install_copy("/proc/self/exe", destination, &err) == 0)
		return 0;
	fprintf(stderr, "skillbox-runner: %s\n", err.message);
	return 1;
}

int main(int argc, char **argv)
{
	/* Before anything else: a process of the script has the same uid, and must not be able to look into
	 * this one. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		perror("skillbox-runner: PR_SET_DUMPABLE");
		return 1;
	}
	if (argc == 1)
		return init_main();
	const char *mode = argv[1];
	if (argc == 2 && strcmp(mode, "relay") == 0)
		return relay_main();
	if (argc == 3 && strcmp(mode, "copy") == 0)
		return copy(argv[2]);
	if (argc == 2 && (strcmp(mode, "version") == 0 || strcmp(mode, "--version") == 0)) {
		puts("skillbox-runner " SKILLBOX_VERSION);
		return 0;
	}
	bool help = argc == 2 && (strcmp(mode, "--help") == 0 || strcmp(mode, "help") == 0);
	fputs(usage, help ? stdout : stderr);
	return help ? 0 : 64;
}
