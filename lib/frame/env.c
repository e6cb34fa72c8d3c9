#include "lib/frame/frame.h"

/* What a caller may not set: names that change which code the interpreter loads or where it looks for it, and
 * the names that the runner itself gives. A '*' at one end stands for any text, none included. */
static const char *const refused[] = {
    "PATH",   "HOME",  "BASH_ENV", "ENV",     "IFS",      "GCONV_PATH", "LD_*",      "PYTHON*", "NODE_*",
    "PERL5*", "RUBY*", "PIP_*",    "*_PROXY", "MALLOC_*", "GLIBC_*",    "SANDBOX_*", "SKILL_*",
};

static bool matches(struct str name, struct str pattern)
{
	if (pattern.p[pattern.n - 1] == '*')
		return str_starts_with_ignore_case(name, (struct str){pattern.p, pattern.n - 1});
	if (pattern.p[0] == '*') {
		struct str suffix = {pattern.p + 1, pattern.n - 1};
		return name.n >= suffix.n &&
		       str_eq_ignore_case((struct str){name.p + (name.n - suffix.n), suffix.n}, suffix);
	}
	return str_eq_ignore_case(name, pattern);
}

static bool is_name(struct str name)
{
	if (name.n == 0 || name.n > FRAME_MAX_ENV_NAME)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
		bool digit = c >= '0' && c <= '9';
		if (!letter && (!digit || i == 0))
			return false;
	}
	return true;
}

bool frame_env_name_is_allowed(struct str name)
{
	if (!is_name(name))
		return false;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (matches(name, str_of(refused[i])))
			return false;
	return true;
}
