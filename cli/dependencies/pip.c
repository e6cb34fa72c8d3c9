#include "cli/dependencies/pip.h"

#include "cli/dependencies/pip_failure.h"
#include "cli/dependencies/process.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARGUMENTS_MAX 512

/* What the Python that runs it ends with before pip begins. */
#define NO_PIP 97
#define NO_MARKERS 98

/* pip has options for another Python's version and platform, and takes neither for environment markers
 * (`; python_version < "3.11"`, `; sys_platform == "win32"`): these it evaluates for the Python that it runs
 * on. Here they are told what they are asked about. */
static const char driver[] =
    "import sys\n"
    "minor, machine = sys.argv.pop(1), sys.argv.pop(1)\n"
    "try:\n"
    "    import pip\n"
    "except ImportError:\n"
    "    sys.exit(97)\n"
    "try:\n"
    "    from pip._vendor.packaging import markers\n"
    "    there = dict(markers.default_environment(), os_name='posix', sys_platform='linux',\n"
    "                 platform_system='Linux', platform_machine=machine, platform_release='',\n"
    "                 platform_version='', python_version=minor, python_full_version=minor + '.0',\n"
    "                 implementation_name='cpython', implementation_version=minor + '.0',\n"
    "                 platform_python_implementation='CPython')\n"
    "    markers.default_environment = lambda: dict(there)\n"
    "    wanted = 'python_version == \"%s\" and platform_machine == \"%s\"' % (minor, machine)\n"
    "    if not markers.Marker(wanted).evaluate():\n"
    "        sys.exit(98)\n"
    "except (ImportError, AttributeError):\n"
    "    sys.exit(98)\n"
    "import runpy\n"
    "sys.argv[0] = 'pip'\n"
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)\n";

struct arguments {
	const char *items[ARGUMENTS_MAX + 1];
	size_t count;
};

static void add(struct arguments *arguments, const char *text)
{
	if (arguments->count < ARGUMENTS_MAX)
		arguments->items[arguments->count++] = text;
}

static void add_all(struct arguments *arguments, const char *const *texts)
{
	for (; *texts; texts++)
		add(arguments, *texts);
}

static void add_platforms(struct arguments *arguments, const struct wheel_platforms *platforms)
{
	for (size_t i = 0; i < platforms->count; i++) {
		add(arguments, "--platform");
		add(arguments, platforms->tags[i]);
	}
}

/* "Downloading numpy-1.26.4-….whl (18.0 MB)" → "numpy-1.26.4 (18.0 MB)"; "Collecting numpy" → "numpy". */
static void describe(struct str line, struct buffer *out)
{
	line = str_trim(line);
	struct str word, rest, name, version, size;
	str_split_once(line, ' ', &word, &rest);
	if (str_eq(word, STR("Collecting"))) {
		str_split_once(rest, ' ', &name, &rest);
		buffer_append_str(out, name);
	} else if (str_eq(word, STR("Downloading"))) {
		str_split_once(rest, ' ', &rest, &size);
		for (size_t i = rest.n; i > 0; i--)
			if (rest.p[i - 1] == '/') {
				rest = (struct str){rest.p + i, rest.n - i};
				break;
			}
		str_split_once(rest, '-', &name, &rest);
		str_split_once(rest, '-', &version, &rest);
		buffer_appendf(out, "%.*s-%.*s %.*s", (int)name.n, name.p, (int)version.n, version.p,
			       (int)size.n, size.p);
	}
}

/* A path is the caller's, and pip runs in the skill's folder. */
static int find_python(struct buffer *ret, struct error *err)
{
	const char *given = getenv(PIP_PYTHON_VARIABLE);
	char here[PATH_MAX];
	if (given && strchr(given, '/') && given[0] != '/') {
		if (!getcwd(here, sizeof(here)))
			return error_errno(err, "can't tell the current folder");
		buffer_appendf(ret, "%s/", here);
	}
	buffer_append_c(ret, given && *given ? given : PIP_PYTHON);
	return buffer_check(ret, PIP_PYTHON_VARIABLE, err);
}

static int no_pip(const char *why, struct error *err)
{
	return error_set(
	    err, ERR_NOT_FOUND,
	    "%s, and the packages of requirements.txt are downloaded by pip: install it (Debian: "
	    "apt-get install python3-pip), or name the Python that has it by " PIP_PYTHON_VARIABLE
	    ", or bring them yourself as wheels/*.whl, or leave them out by --no-deps",
	    why);
}

static int judge(const struct pip_download *download, const char *python, int code,
		 const struct buffer *output, struct error *err)
{
	char why[256];
	snprintf(why, sizeof(why), "%.200s has no pip", python);
	if (code == NO_PIP)
		return no_pip(why, err);
	if (code == NO_MARKERS)
		return error_set(
		    err, ERR_NOT_IMPLEMENTED,
		    "the pip of %.200s can't be told of another Python's environment markers: "
		    "install another version of pip, or name another Python by " PIP_PYTHON_VARIABLE,
		    python);
	return code == 0 ? 0 : pip_failure(download, buffer_str(output), err);
}

static int run(const struct pip_download *download, const struct arguments *arguments, struct error *err)
{
	const char *python = arguments->items[0];
	char why[256];
	int code = 0;
	struct error failure = {0};
	cleanup_buffer struct buffer output = BUFFER(PROCESS_OUTPUT_MAX);
	const struct process process = {.argv = arguments->items,
					.folder = download->folder,
					.what = "downloading packages",
					.describe = describe};
	int status = process_run(&process, &output, &code, &failure);
	if (status == 0)
		return judge(download, python, code, &output, err);
	if (status != -1)
		return status;
	snprintf(why, sizeof(why), "there is no %.200s", python);
	return failure.code == ERR_NOT_FOUND ? no_pip(why, err)
					     : error_set(err, failure.code, "%s", failure.message);
}

int pip_download(const struct pip_download *download, struct error *err)
{
	const struct wheel_target *target = download->target;
	char version[WHEEL_PLATFORM_SIZE], abi[WHEEL_PLATFORM_SIZE];
	struct wheel_platforms platforms;
	cleanup_buffer struct buffer python = BUFFER(PATH_MAX);
	struct arguments arguments = {.count = 0};
	wheel_target_version(target, version);
	wheel_target_abi(target, abi);
	wheel_target_platforms(target, &platforms);
	if (find_python(&python, err) != 0)
		return -1;
	add_all(&arguments,
		(const char *[]){python.data, "-u", "-c", driver, version, target->machine, NULL});
	add_all(&arguments, (const char *[]){"download", "--only-binary", ":all:", "--dest", download->to,
					     "--progress-bar", "off", "--disable-pip-version-check",
					     "--no-input", "--log", download->log, NULL});
	add_all(&arguments, (const char *[]){"--implementation", "cp", "--python-version", version, "--abi",
					     abi, "--abi", "abi3", "--abi", "none", NULL});
	add_platforms(&arguments, &platforms);
	add_all(&arguments, (const char *[]){"-r", download->requirements, NULL});
	if (download->constraints)
		add_all(&arguments, (const char *[]){"-c", download->constraints, NULL});
	if (download->needs_hashes)
		add(&arguments, "--require-hashes");
	if (download->is_complete)
		add(&arguments, "--no-deps");
	return run(download, &arguments, err);
}
