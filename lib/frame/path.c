#include "lib/frame/frame.h"

bool frame_path_is_valid(struct str path)
{
	if (path.n == 0 || path.n > FRAME_MAX_PATH || memchr(path.p, '\0', path.n))
		return false;
	unsigned depth = 0;
	bool more = true;
	while (more) {
		struct str component;
		more = str_split_once(path, '/', &component, &path);
		if (component.n == 0 || str_eq(component, STR(".")) || str_eq(component, STR("..")))
			return false;
		if (++depth > FRAME_MAX_PATH_DEPTH)
			return false;
	}
	return true;
}
