#include "cli/here.h"

#if !SKILLBOX_LOCAL

static int refuse(struct error *err)
{
	error_set(err, ERR_NOT_IMPLEMENTED,
		  "this build of skillbox can't run skills on this machine (that needs Linux, and libseccomp "
		  "and OpenSSL when it is built): leave --local out to use a server");
	return COMMAND_ERROR;
}

int here_dev(const struct call *call, struct str input, bool is_again, struct error *err)
{
	(void)call;
	(void)input;
	(void)is_again;
	return refuse(err);
}

struct here *here_open(const struct call *call, const char *path, int *ret_status, struct error *err)
{
	(void)call;
	(void)path;
	*ret_status = refuse(err);
	return NULL;
}

struct here *here_close(struct here *here)
{
	(void)here;
	return NULL;
}

const char *here_skill(const struct here *here)
{
	(void)here;
	return "";
}

int here_run(struct here *here, struct str input, const struct variable *env, size_t env_count,
	     struct buffer *ret, struct error *err)
{
	(void)here;
	(void)input;
	(void)env;
	(void)env_count;
	(void)ret;
	return refuse(err);
}

#endif
