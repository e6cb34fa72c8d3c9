/* What the exec stream starts in a sandbox: copies between its stdin and stdout and PID 1's socket. */
#ifndef SKILLBOX_RUNNER_CHANNEL_RELAY_H
#define SKILLBOX_RUNNER_CHANNEL_RELAY_H

/* Exit code of the program. */
int relay_main(void);

/* The copying, until the socket ends: in_fd → socket, socket → out_fd. 0, or -1 with errno. */
int relay_copy(int in_fd, int out_fd, int socket);

#endif
