/* The lists beside the wheels: wheels/sha256sums, requirements.lock and requirements.txt. */
#include "lib/wheel/wheelhouse_internal.h"

#include "lib/base/id.h"
#include "lib/wheel/requirements.h"
#include "lib/wheel/version.h"

#include <stdlib.h>

/* ---- wheels/sha256sums */

static int read_sum(struct house *house, struct str line, size_t number, struct error *err)
{
	const size_t digits = DIGEST_HEX_SIZE - 1;
	char where[64];
	snprintf(where, sizeof(where), WHEELHOUSE_SUMS ", line %zu: ", number);
	if (line.n <= digits + 2 || !id_is_hex((struct str){line.p, digits}, digits) ||
	    memcmp(line.p + digits, "  ", 2) != 0) {
		problems_add(house->problems,
			     "%sit must be a SHA-256 in lower-case hex, two blanks and a wheel's name",
			     where);
		return 0;
	}
	const char *before = house->count > 0 ? house->wheels[house->count - 1].file : "";
	struct house_wheel *wheel =
	    house_add_wheel(house, (struct str){line.p + digits + 2, line.n - digits - 2}, where, err);
	if (!wheel)
		return house->problems->no_memory ? -1 : 0;
	memcpy(wheel->sha256, line.p, digits);
	if (strcmp(before, wheel->file) >= 0)
		problems_add(house->problems, "%sthe names must be in order, each once", where);
	return 0;
}

int house_read_sums(struct house *house, struct error *err)
{
	struct str rest = buffer_str(&house->sums.bytes), line;
	if (house->sums.size > house->sums.bytes.max)
		return 0; /* told already */
	if (rest.n == 0 || rest.p[rest.n - 1] != '\n') {
		problems_add(house->problems, WHEELHOUSE_SUMS " %s",
			     rest.n == 0 ? "is empty" : "must end with a line end");
		return 0;
	}
	for (size_t number = 1; rest.n > 0 && !house->has_too_many; number++) {
		str_split_once(rest, '\n', &line, &rest);
		if (read_sum(house, line, number, err) != 0)
			return -1;
	}
	return 0;
}

/* ---- requirements.lock */

/* What it says of a wheel; a later one is better. */
enum locked { LOCKED_NOWHERE, LOCKED_OTHER_VERSION, LOCKED_WITHOUT_HASH, LOCKED_OTHER_HASH, LOCKED_RIGHT };

struct lock_state {
	enum locked locked;
	struct str text; /* the version or the first hash that is allowed instead */
	size_t more;     /* hashes beside it */
};

static struct lock_state look_up(const struct requirement *one, const struct house_wheel *wheel)
{
	struct lock_state state = {.locked = LOCKED_WITHOUT_HASH};
	struct str options = one->options, hash;
	if (one->version.n > 0 && !wheel_version_matches(one->version, wheel->name.version))
		return (struct lock_state){.locked = LOCKED_OTHER_VERSION, .text = one->version};
	while (requirements_next_sha256(&options, &hash)) {
		if (str_eq(hash, str_of(wheel->sha256)))
			return (struct lock_state){.locked = LOCKED_RIGHT};
		if (state.locked == LOCKED_OTHER_HASH)
			state.more++;
		else
			state = (struct lock_state){.locked = LOCKED_OTHER_HASH, .text = hash};
	}
	return state;
}

static void tell_locked(struct house *house, const struct house_wheel *wheel, const struct lock_state *state)
{
	struct problems *problems = house->problems;
	char shown[PROBLEMS_SHOWN_SIZE];
	problems_show(state->text, shown);
	switch (state->locked) {
	case LOCKED_NOWHERE:
		problems_add(
		    problems,
		    "wheels/%s is not in requirements.lock: leave it out, or write the lock file again",
		    wheel->file);
		break;
	case LOCKED_OTHER_VERSION:
		problems_add(problems, "wheels/%s is another version than that of requirements.lock, %s",
			     wheel->file, shown);
		break;
	case LOCKED_WITHOUT_HASH:
		problems_add(problems, "wheels/%s: requirements.lock has no --hash=sha256: of it",
			     wheel->file);
		break;
	case LOCKED_OTHER_HASH:
		if (state->more > 0)
			problems_add(problems,
				     "wheels/%s: its sha256 is %s, requirements.lock allows %s and %zu more",
				     wheel->file, wheel->sha256, shown, state->more);
		else
			problems_add(problems, "wheels/%s: its sha256 is %s, requirements.lock allows %s",
				     wheel->file, wheel->sha256, shown);
		break;
	case LOCKED_RIGHT:
		break;
	}
}

static void check_lock(struct house *house)
{
	struct lock_state states[WHEELHOUSE_WHEELS_MAX] = {0};
	struct str text = buffer_str(&house->lock.bytes);
	struct requirement one;
	if (!house->lock.is_there || house->lock.size > house->lock.bytes.max)
		return;
	while (requirements_next(&text, &one))
		for (size_t i = 0; one.name.n > 0 && i < house->count; i++) {
			if (wheel_project_compare(one.name, house->wheels[i].name.name) != 0)
				continue;
			struct lock_state state = look_up(&one, &house->wheels[i]);
			if (state.locked > states[i].locked)
				states[i] = state;
		}
	for (size_t i = 0; i < house->count; i++)
		tell_locked(house, &house->wheels[i], &states[i]);
}

/* ---- requirements.txt */

static void check_requirement(struct house *house, const struct requirement *one)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	const struct house_wheel *found = NULL;
	for (size_t i = 0; i < house->count; i++) {
		const struct house_wheel *wheel = &house->wheels[i];
		if (wheel_project_compare(one->name, wheel->name.name) != 0)
			continue;
		found = wheel;
		if (one->version.n == 0 || wheel_version_matches(one->version, wheel->name.version))
			return;
	}
	problems_show(one->name, shown);
	if (!found) {
		problems_add(house->problems, "requirements.txt asks for '%s', wheels/ has no wheel of it",
			     shown);
		return;
	}
	char version[PROBLEMS_SHOWN_SIZE];
	problems_add(house->problems, "requirements.txt asks for '%s==%s', wheels/ has %s", shown,
		     problems_show(one->version, version), found->file);
}

void house_check_lists(struct house *house)
{
	struct str text = buffer_str(&house->requirements.bytes);
	struct requirement one;
	check_lock(house);
	while (requirements_next(&text, &one))
		if (one.kind == REQUIREMENT_PLAIN)
			check_requirement(house, &one);
}
