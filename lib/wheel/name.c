#include "lib/wheel/name.h"

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool has_only(struct str text, const char *more)
{
	for (size_t i = 0; i < text.n; i++)
		if (!is_alphanumeric(text.p[i]) && (text.p[i] == '\0' || !strchr(more, text.p[i])))
			return false;
	return text.n > 0;
}

/* ---- names of packages */

static bool is_separator(char c)
{
	return c == '-' || c == '_' || c == '.';
}

/* The next character of the normalised name; '\0' at its end. */
static char next_of_name(struct str *name)
{
	if (name->n == 0)
		return '\0';
	char c = name->p[0];
	size_t used = 1;
	while (is_separator(c) && used < name->n && is_separator(name->p[used]))
		used++;
	*name = (struct str){name->p + used, name->n - used};
	if (is_separator(c))
		return '-';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void wheel_project_normalise(struct str name, char *ret)
{
	while (name.n > 0)
		*ret++ = next_of_name(&name);
	*ret = '\0';
}

int wheel_project_compare(struct str a, struct str b)
{
	while (a.n > 0 && b.n > 0) {
		unsigned char left = (unsigned char)next_of_name(&a), right = (unsigned char)next_of_name(&b);
		if (left != right)
			return left < right ? -1 : 1;
	}
	return a.n > 0 ? 1 : b.n > 0 ? -1 : 0;
}

bool wheel_project_is_name(struct str name)
{
	return has_only(name, "-_.") && is_alphanumeric(name.p[0]) && is_alphanumeric(name.p[name.n - 1]);
}

/* ---- the file name */

#define PARTS_MAX 6

/* Between dots there is a tag, of letters, digits and underscores. */
static bool is_tag_set(struct str tags)
{
	struct str tag;
	for (bool more = true; more;) {
		more = str_split_once(tags, '.', &tag, &tags);
		if (!has_only(tag, "_"))
			return false;
	}
	return true;
}

static const char *check_parts(const struct wheel_name *wheel)
{
	if (!wheel_project_is_name(wheel->name))
		return "its name must have letters, digits, _ and . only";
	if (!has_only(wheel->version, "_.+!"))
		return "its version must have letters, digits, _, ., + and ! only";
	if (wheel->build.n > 0 &&
	    (wheel->build.p[0] < '0' || wheel->build.p[0] > '9' || !has_only(wheel->build, "_.")))
		return "its build tag must begin with a digit";
	if (!is_tag_set(wheel->python) || !is_tag_set(wheel->abi) || !is_tag_set(wheel->platform))
		return "its tags must have letters, digits and _ only, with dots between them";
	return NULL;
}

int wheel_name_parse(struct str file, struct wheel_name *ret, struct error *err)
{
	const struct str suffix = STR(".whl");
	struct str parts[PARTS_MAX], rest;
	size_t count = 0;
	bool more = true;
	if (!str_ends_with(file, suffix) || file.n > WHEEL_NAME_MAX)
		return error_set(err, ERR_INVALID_SKILL,
				 "a wheel's name ends with .whl and has at most %d bytes", WHEEL_NAME_MAX);
	rest = (struct str){file.p, file.n - suffix.n};
	for (; more && count < PARTS_MAX; count++)
		more = str_split_once(rest, '-', &parts[count], &rest);
	if (more || count < 5)
		return error_set(
		    err, ERR_INVALID_SKILL,
		    "a wheel's name is NAME-VERSION-PYTHON-ABI-PLATFORM.whl, such as "
		    "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.whl: keep the name that it has at "
		    "the package index");
	struct wheel_name wheel = {
	    .file = file,
	    .name = parts[0],
	    .version = parts[1],
	    .build = count == PARTS_MAX ? parts[2] : (struct str){parts[2].p, 0},
	    .python = parts[count - 3],
	    .abi = parts[count - 2],
	    .platform = parts[count - 1],
	};
	const char *why = check_parts(&wheel);
	if (!why && count == PARTS_MAX && wheel.build.n == 0)
		why = "its build tag is empty";
	if (why)
		return error_set(err, ERR_INVALID_SKILL, "it is no wheel's name: %s", why);
	*ret = wheel;
	return 0;
}

/* ---- does it fit? */

/* "cp312" or "py3": prefix, "3" and perhaps a minor version. False if it is of no Python 3. */
struct interpreter {
	bool has_minor;
	int64_t minor;
};

static bool read_interpreter(struct str tag, const char *prefix, struct interpreter *ret)
{
	*ret = (struct interpreter){.has_minor = tag.n > 3};
	return tag.n >= 3 && memcmp(tag.p, prefix, 2) == 0 && tag.p[2] == '3' &&
	       (!ret->has_minor || str_to_i64((struct str){tag.p + 3, tag.n - 3}, 0, 999, &ret->minor));
}

/* The rows of pip's table of what a CPython takes: of its own ABI, of the stable one (PEP 384) from 3.2 to
 * its own version, and of none. */
static bool tags_fit(struct str python, struct str abi, bool is_any, const struct wheel_target *target)
{
	char own[WHEEL_PLATFORM_SIZE];
	struct interpreter of;
	wheel_target_abi(target, own);
	if (read_interpreter(python, "cp", &of) && of.has_minor) {
		bool is_own = of.minor == target->minor;
		if (str_eq(abi, str_of(own)))
			return is_own && !is_any;
		if (str_eq(abi, STR("abi3")))
			return of.minor >= 2 && of.minor <= target->minor && !is_any;
		return is_own && str_eq(abi, STR("none"));
	}
	return read_interpreter(python, "py", &of) && (!of.has_minor || of.minor <= target->minor) &&
	       str_eq(abi, STR("none"));
}

static bool interpreters_fit(const struct wheel_name *wheel, bool is_any, const struct wheel_target *target)
{
	struct str pythons = wheel->python, python, abi;
	for (bool more = true; more;) {
		struct str abis = wheel->abi;
		more = str_split_once(pythons, '.', &python, &pythons);
		for (bool more_abis = true; more_abis;) {
			more_abis = str_split_once(abis, '.', &abi, &abis);
			if (tags_fit(python, abi, is_any, target))
				return true;
		}
	}
	return false;
}

static bool platform_fits(struct str tag, const struct wheel_platforms *platforms)
{
	for (size_t i = 0; i < platforms->count; i++)
		if (str_eq_ignore_case(tag, str_of(platforms->tags[i])))
			return true;
	return false;
}

/* Which of the two, "any" and one of the target's, are among the wheel's platforms? */
static void find_platforms(const struct wheel_name *wheel, const struct wheel_target *target, bool *ret_any,
			   bool *ret_own)
{
	struct wheel_platforms platforms;
	struct str rest = wheel->platform, tag;
	wheel_target_platforms(target, &platforms);
	*ret_any = *ret_own = false;
	for (bool more = true; more;) {
		more = str_split_once(rest, '.', &tag, &rest);
		*ret_any |= str_eq(tag, STR("any"));
		*ret_own |= platform_fits(tag, &platforms);
	}
}

bool wheel_name_fits(const struct wheel_name *wheel, const struct wheel_target *target)
{
	bool is_any, is_own;
	find_platforms(wheel, target, &is_any, &is_own);
	return (is_any && interpreters_fit(wheel, true, target)) ||
	       (is_own && interpreters_fit(wheel, false, target));
}

/* ---- in words */

static void explain_python(struct str tag, const struct wheel_name *wheel, struct buffer *out)
{
	struct interpreter of;
	bool is_free_threaded = str_ends_with(wheel->abi, STR("t"));
	if (read_interpreter(tag, "cp", &of) && of.has_minor)
		buffer_appendf(out, "%sCPython 3.%d%s", is_free_threaded ? "the free-threaded " : "",
			       (int)of.minor, str_eq(wheel->abi, STR("abi3")) ? " or newer" : "");
	else if (read_interpreter(tag, "py", &of) && of.has_minor)
		buffer_appendf(out, "Python 3.%d or newer", (int)of.minor);
	else if (str_eq(tag, STR("py3")) || str_eq(tag, STR("py2")))
		buffer_appendf(out, "Python %c", tag.p[2]);
	else if (str_starts_with(tag, STR("pp3")))
		buffer_appendf(out, "PyPy (%.*s)", (int)tag.n, tag.p);
	else
		buffer_append_str(out, tag);
}

static void explain_wheel(const struct wheel_name *wheel, struct buffer *out)
{
	struct str rest = wheel->python, tag;
	for (bool more = true, first = true; more; first = false) {
		more = str_split_once(rest, '.', &tag, &rest);
		buffer_append_c(out, first ? "" : ", ");
		explain_python(tag, wheel, out);
	}
	rest = wheel->platform;
	if (str_eq(rest, STR("any")))
		return;
	for (bool more = true, first = true; more; first = false) {
		more = str_split_once(rest, '.', &tag, &rest);
		buffer_append_c(out, first ? " on " : ", ");
		buffer_append_str(out, tag);
	}
}

void wheel_name_explain(const struct wheel_name *wheel, const struct wheel_target *target, struct str image,
			struct buffer *out)
{
	struct wheel_platforms platforms;
	char abi[WHEEL_PLATFORM_SIZE];
	wheel_target_abi(target, abi);
	wheel_target_platforms(target, &platforms);
	buffer_append_str(out, wheel->file);
	buffer_append_c(out, " is for ");
	explain_wheel(wheel, out);
	buffer_append_c(out, ", but ");
	buffer_append_str(out, image);
	buffer_appendf(
	    out,
	    " has CPython %u.%u on %s: take the wheel with %s-%s (or cp3…-abi3, or py3-none) and %s "
	    "or an older %s, or any",
	    target->major, target->minor, platforms.tags[0], abi, abi, platforms.tags[0],
	    target->is_musl ? "musllinux" : "manylinux");
}
