/* What the command line takes from requirements.txt, a lock, pip's log and a server's list of images: the
 * first byte of the input chooses. */
#include "cli/dependencies/images.h"
#include "cli/dependencies/lock.h"
#include "cli/dependencies/pip_failure.h"
#include "cli/dependencies/target.h"
#include "cli/files/tree.h"
#include "cli/files/whole_file.h"

#include <limits.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_file(const char *folder, const char *name, struct str text)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/%s", folder, name);
	if (whole_file_write(path.data, text, 0600, NULL) != 0)
		abort();
}

/* What a lock is made of makes a lock that is known again. */
static void locked(const struct requirements *requirements, struct str name)
{
	cleanup_lock struct lock lock = LOCK;
	char wheel[64], folder[] = "/tmp/skillbox-fuzz-XXXXXX";
	size_t n = name.n < sizeof(wheel) - 1 ? name.n : sizeof(wheel) - 1;
	if (n > 0)
		memcpy(wheel, name.p, n);
	wheel[n] = 0;
	const struct lock_wheel wheels[] = {{"plain-1.0-py3-none-any.whl", "0"}, {wheel, "1"}};
	cleanup_buffer struct buffer text = BUFFER(LOCK_MAX);
	if (lock_write(requirements, "cp312-manylinux_2_36_x86_64", wheels, 2, &text, NULL) != 0)
		return;
	if (!mkdtemp(folder))
		abort();
	write_file(folder, LOCK_NAME, buffer_str(&text));
	if (lock_read(folder, &lock, NULL) != 0 || !lock.is_ours ||
	    !lock_is_of(&lock, requirements, lock.target) || lock_is_of(&lock, requirements, "cp311"))
		abort();
	tree_remove(folder);
}

static void required(struct str text)
{
	struct error err = {0};
	struct str head, rest;
	char folder[] = "/tmp/skillbox-fuzz-XXXXXX";
	cleanup_requirements struct requirements requirements = REQUIREMENTS;
	if (!mkdtemp(folder))
		abort();
	str_split_once(text, '\0', &head, &rest);
	write_file(folder, REQUIREMENTS_NAME, head);
	write_file(folder, "more.txt", rest);
	if (requirements_read(folder, &requirements, &err) == 0)
		locked(&requirements, rest);
	tree_remove(folder);
}

static void explained(struct str text)
{
	struct error err = {0};
	struct str output, log;
	str_split_once(text, '\0', &output, &log);
	pip_explain("cp312-manylinux_2_36_x86_64", REQUIREMENTS_NAME, output, log, &err);
	if (!err.message[0])
		abort();
}

static void targeted(struct str text)
{
	struct wheel_target target;
	char name[WHEEL_TARGET_SIZE], copy[256] = "";
	memcpy(copy, text.p, text.n < sizeof(copy) - 1 ? text.n : sizeof(copy) - 1);
	images_target(text, "", name, sizeof(name), NULL);
	images_target(text, "python:3.12-slim", name, sizeof(name), NULL);
	images_machine(text, name, sizeof(name));
	if (target_parse(copy, &target, NULL) != 0)
		return;
	wheel_target_format(&target, name);
	if (wheel_target_parse(str_of(name), &target, NULL) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct str text = {(const char *)data + 1, size - 1};
	switch (data[0] % 3) {
	case 0:
		required(text);
		break;
	case 1:
		explained(text);
		break;
	default:
		targeted(text);
	}
	return 0;
}
