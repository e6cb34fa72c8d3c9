/* How much of an answer has reached its client: only the kernel knows, since much of it waits there. In a
 * file of its own because <linux/tcp.h>, which has these fields, can't be included beside <netinet/tcp.h>,
 * which comes with libuv. */
#include "lib/http/server/pace.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool http_pace_acknowledged(int fd, uint64_t *ret)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
	    size < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked) ||
	    info.tcpi_bytes_acked == 0) /* nothing yet, or a kernel that doesn't count (gVisor's) */
		return false;
	*ret = info.tcpi_bytes_acked;
	return true;
}
