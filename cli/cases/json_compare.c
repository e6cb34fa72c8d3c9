#include "cli/cases/json_compare.h"

#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_MAX 200              /* bytes of a value */
#define PATH_MAX_BYTES (64u << 10) /* of a path; what is deeper is not named further */

void differences_free(struct differences *differences)
{
	for (size_t i = 0; i < differences_kept(differences); i++) {
		free(differences->items[i].path);
		free(differences->items[i].wanted);
		free(differences->items[i].got);
	}
	*differences = (struct differences){0};
}

size_t differences_kept(const struct differences *differences)
{
	return differences->count < DIFFERENCES_MAX ? differences->count : DIFFERENCES_MAX;
}

/* NULL stays NULL. -1: no memory. */
static int show(struct str value, char **ret)
{
	if (!value.p)
		return 0;
	struct str cut = utf8_cut(str_trim(value), SHOWN_MAX);
	cleanup_buffer struct buffer text = BUFFER(SHOWN_MAX + 8);
	buffer_append_str(&text, cut);
	if (cut.n < str_trim(value).n)
		buffer_append_c(&text, " …");
	*ret = buffer_steal(&text);
	return *ret ? 0 : -1;
}

int differences_add(struct differences *differences, struct str path, struct str wanted, struct str got,
		    struct error *err)
{
	if (differences->count >= DIFFERENCES_MAX) {
		differences->count++;
		return 0;
	}
	struct difference *added = &differences->items[differences->count++];
	*added = (struct difference){.path = str_dup(path)};
	return added->path && show(wanted, &added->wanted) == 0 && show(got, &added->got) == 0
		   ? 0
		   : error_no_memory(err);
}

/* Numbers */

struct decimal {
	bool is_negative, is_zero, is_vast; /* vast: its exponent is beyond what is counted */
	struct str digits;                  /* may have the point among them; no zeros around */
	int64_t exponent;                   /* of its last digit */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "-12.50e3" → -, "12.5", exponent 2 */
static struct decimal read_decimal(struct str text)
{
	struct decimal d = {.is_negative = text.n > 0 && text.p[0] == '-'};
	size_t at = d.is_negative, end = at, point = SIZE_MAX;
	for (; end < text.n && (is_digit(text.p[end]) || text.p[end] == '.'); end++)
		if (text.p[end] == '.')
			point = end;
	if (end < text.n) {
		struct str power = {text.p + end + 1, text.n - end - 1};
		if (power.n > 0 && power.p[0] == '+')
			power = (struct str){power.p + 1, power.n - 1};
		d.is_vast = !str_to_i64(power, INT64_MIN / 4, INT64_MAX / 4, &d.exponent);
	}
	size_t last = end;
	while (at < last && (text.p[at] == '0' || text.p[at] == '.'))
		at++;
	while (last > at && (text.p[last - 1] == '0' || text.p[last - 1] == '.'))
		last--;
	d.is_zero = at == last;
	d.digits = (struct str){text.p + at, last - at};
	if (point == SIZE_MAX)
		point = end;
	/* How many places before the point its last digit stands. */
	d.exponent += last <= point ? (int64_t)(point - last) : -(int64_t)(last - 1 - point);
	return d;
}

static bool same_digits(struct str a, struct str b)
{
	size_t i = 0, k = 0;
	for (;;) {
		i += i < a.n && a.p[i] == '.';
		k += k < b.n && b.p[k] == '.';
		if (i == a.n || k == b.n)
			return i == a.n && k == b.n;
		if (a.p[i++] != b.p[k++])
			return false;
	}
}

bool json_number_equal(struct str a, struct str b)
{
	struct decimal left = read_decimal(a), right = read_decimal(b);
	if (left.is_zero || right.is_zero)
		return left.is_zero && right.is_zero;
	if (left.is_vast || right.is_vast)
		return str_eq(a, b);
	return left.is_negative == right.is_negative && left.exponent == right.exponent &&
	       same_digits(left.digits, right.digits);
}

/* Strings */

/* A lone half of a surrogate pair has no characters: such a text is compared as it is written. */
static int string_equal(struct str a, struct str b, bool *ret, struct error *err)
{
	cleanup_buffer struct buffer left = BUFFER(a.n + 1), right = BUFFER(b.n + 1);
	struct error why;
	bool same = str_eq(a, b);
	if (!same && jsontext_decode_string(a, &left, &why) == 0 &&
	    jsontext_decode_string(b, &right, &why) == 0)
		same = str_eq(buffer_str(&left), buffer_str(&right));
	if (left.no_memory || right.no_memory)
		return error_no_memory(err);
	*ret = same;
	return 0;
}

/* Objects */

struct member {
	char *key; /* decoded */
	size_t key_size, order;
	struct str value;
};

struct members {
	struct member *items;
	size_t count;
};

static void members_free(struct members *members)
{
	for (size_t i = 0; i < members->count; i++)
		free(members->items[i].key);
	free(members->items);
}

static struct str key_of(const struct member *member)
{
	return (struct str){member->key, member->key_size};
}

static int compare_keys(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_members(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = compare_keys(key_of(left), key_of(right));
	return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

static int add_member(struct members *members, struct str raw, struct str value)
{
	if ((members->count & (members->count + 1)) == 0) { /* 0, 1, 3, 7 …: full */
		size_t room = 2 * members->count + 1;
		struct member *items = realloc(members->items, room * sizeof(*items));
		if (!items)
			return -1;
		members->items = items;
	}
	cleanup_buffer struct buffer key = BUFFER(raw.n + 2);
	struct error why;
	struct str quoted = {raw.p - 1, raw.n + 2};
	if (jsontext_decode_string(quoted, &key, &why) != 0) { /* half a surrogate pair: as written */
		buffer_reset(&key);
		buffer_append_str(&key, raw);
	}
	size_t size = key.len;
	char *text = buffer_steal(&key);
	if (!text)
		return -1;
	members->items[members->count] = (struct member){text, size, members->count, value};
	members->count++;
	return 0;
}

/* Sorted; of a key that is there twice the last counts, as for any reader. */
static int read_members(struct str object, struct members *ret, struct error *err)
{
	struct str raw, value;
	for (size_t position = 0; jsontext_next_member(object, &position, &raw, &value);)
		if (add_member(ret, raw, value) != 0)
			return error_no_memory(err);
	if (ret->count > 0)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_members);
	size_t kept = 0;
	for (size_t i = 0; i < ret->count; i++) {
		if (i + 1 < ret->count && str_eq(key_of(&ret->items[i]), key_of(&ret->items[i + 1]))) {
			free(ret->items[i].key);
			continue;
		}
		ret->items[kept++] = ret->items[i];
	}
	ret->count = kept;
	return 0;
}

/* The comparison */

struct comparison {
	struct differences *differences;
	struct buffer path;
	struct error *err;
};

static int compare(struct comparison *c, struct str wanted, struct str got);

static int differ(struct comparison *c, struct str wanted, struct str got)
{
	return differences_add(c->differences, buffer_str(&c->path), wanted, got, c->err);
}

static bool is_word(struct str key)
{
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
		if (!letter && (i == 0 || !is_digit(c)))
			return false;
	}
	return key.n > 0;
}

static void step_to_key(struct comparison *c, struct str key)
{
	if (is_word(key)) {
		buffer_append_c(&c->path, ".");
		buffer_append_str(&c->path, key);
		return;
	}
	buffer_append_c(&c->path, "[");
	jsontext_append_string(&c->path, key);
	buffer_append_c(&c->path, "]");
}

/* Back to where it was; a path that was too long is as long as it was. */
static void step_back(struct comparison *c, size_t length)
{
	c->path.len = length;
	c->path.failed = false;
	c->path.data[length] = '\0';
}

/* One member or element of either side, or of both. */
static int compare_part(struct comparison *c, struct str wanted, struct str got)
{
	return wanted.p && got.p ? compare(c, wanted, got) : differ(c, wanted, got);
}

static int compare_merged(struct comparison *c, const struct members *wanted, const struct members *got)
{
	static const struct str nothing = {NULL, 0};
	size_t length = c->path.len;
	for (size_t i = 0, k = 0; i < wanted->count || k < got->count;) {
		const struct member *left = i < wanted->count ? &wanted->items[i] : NULL;
		const struct member *right = k < got->count ? &got->items[k] : NULL;
		int order = !left ? 1 : !right ? -1 : compare_keys(key_of(left), key_of(right));
		step_to_key(c, key_of(order <= 0 ? left : right));
		int status =
		    compare_part(c, order <= 0 ? left->value : nothing, order >= 0 ? right->value : nothing);
		step_back(c, length);
		if (status != 0)
			return -1;
		i += order <= 0;
		k += order >= 0;
	}
	return 0;
}

static int compare_objects(struct comparison *c, struct str wanted, struct str got)
{
	struct members left = {NULL, 0}, right = {NULL, 0};
	int status = read_members(wanted, &left, c->err);
	if (status == 0)
		status = read_members(got, &right, c->err);
	if (status == 0)
		status = compare_merged(c, &left, &right);
	members_free(&left);
	members_free(&right);
	return status;
}

static int compare_arrays(struct comparison *c, struct str wanted, struct str got)
{
	size_t length = c->path.len, left_at = 0, right_at = 0;
	for (size_t i = 0;; i++) {
		struct str left, right;
		if (!jsontext_next_element(wanted, &left_at, &left))
			left = (struct str){NULL, 0};
		if (!jsontext_next_element(got, &right_at, &right))
			right = (struct str){NULL, 0};
		if (!left.p && !right.p)
			return 0;
		buffer_appendf(&c->path, "[%zu]", i);
		int status = compare_part(c, left, right);
		step_back(c, length);
		if (status != 0)
			return -1;
	}
}

/* As deep as the texts are nested, which their check has bounded. */
static int compare(struct comparison *c, struct str wanted, struct str got)
{
	enum jsontext_kind kind = jsontext_kind_of(wanted);
	bool same = kind == jsontext_kind_of(got);
	if (same && kind == JSONTEXT_OBJECT)
		return compare_objects(c, wanted, got);
	if (same && kind == JSONTEXT_ARRAY)
		return compare_arrays(c, wanted, got);
	if (same && kind == JSONTEXT_NUMBER)
		same = json_number_equal(str_trim(wanted), str_trim(got));
	else if (same && kind == JSONTEXT_STRING &&
		 string_equal(str_trim(wanted), str_trim(got), &same, c->err) != 0)
		return -1;
	return same ? 0 : differ(c, wanted, got);
}

int json_compare(struct str wanted, struct str got, const char *name, struct differences *differences,
		 struct error *err)
{
	struct comparison c = {differences, BUFFER(PATH_MAX_BYTES), err};
	int status = buffer_append_c(&c.path, name) == 0 ? compare(&c, wanted, got) : error_no_memory(err);
	buffer_free(&c.path);
	return status;
}
