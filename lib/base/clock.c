#include "lib/base/clock.h"

#include "lib/base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)
#define DURATION_MAX_MS MS_PER_DAY

static int64_t read_clock(clockid_t id, int64_t units_per_second)
{
	struct timespec now;
	clock_gettime(id, &now); /* cannot fail for these two clocks */
	return (int64_t)now.tv_sec * units_per_second +
	       (int64_t)now.tv_nsec / (1000000000 / units_per_second);
}

static int64_t system_wall_ms(void *context)
{
	(void)context;
	return read_clock(CLOCK_REALTIME, 1000);
}

static int64_t system_monotonic_us(void *context)
{
	(void)context;
	return read_clock(CLOCK_MONOTONIC, 1000000);
}

const struct clock clock_system = {system_wall_ms, system_monotonic_us, NULL};

int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock->context);
}

int64_t clock_monotonic_us(const struct clock *clock)
{
	return clock->monotonic_us(clock->context);
}

void clock_format_rfc3339(int64_t wall_ms, bool with_ms, char ret[CLOCK_RFC3339_SIZE])
{
	/* RFC 3339 has years 0000 to 9999; what lies outside is shown as the nearest end. */
	const int64_t first = INT64_C(-62167219200000), last = INT64_C(253402300799999);
	wall_ms = wall_ms < first ? first : wall_ms > last ? last : wall_ms;
	int64_t ms = ((wall_ms % 1000) + 1000) % 1000;
	time_t seconds = (time_t)((wall_ms - ms) / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	int n =
	    snprintf(ret, CLOCK_RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", (tm.tm_year + 1900) % 10000,
		     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (with_ms)
		snprintf(ret + n, CLOCK_RFC3339_SIZE - (size_t)n, ".%03dZ", (int)ms);
	else
		snprintf(ret + n, CLOCK_RFC3339_SIZE - (size_t)n, "Z");
}

void clock_format_micro_time(int64_t wall_ms, char ret[CLOCK_MICRO_TIME_SIZE])
{
	char text[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(wall_ms, true, text);
	snprintf(ret, CLOCK_MICRO_TIME_SIZE, "%.*s000Z", (int)(strlen(text) - 1), text);
}

/* Exactly `digits` decimal digits at *s, then `after` (0: nothing); moves *s behind them. */
static bool take_number(struct str *s, size_t digits, char after, int min, int max, int *ret)
{
	if (s->n < digits + (after ? 1 : 0) || (after && s->p[digits] != after))
		return false;
	int value = 0;
	for (size_t i = 0; i < digits; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		value = value * 10 + (s->p[i] - '0');
	}
	digits += after ? 1 : 0;
	*s = (struct str){s->p + digits, s->n - digits};
	*ret = value;
	return value >= min && value <= max;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* ".123456": any number of digits, the first three count. */
static bool take_fraction(struct str *s, int *ret_ms)
{
	*ret_ms = 0;
	if (s->n == 0 || s->p[0] != '.')
		return true;
	size_t i = 1;
	for (int unit = 100; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, unit /= 10)
		*ret_ms += (s->p[i] - '0') * unit;
	*s = (struct str){s->p + i, s->n - i};
	return i > 1;
}

static bool take_offset(struct str s, int *ret_minutes)
{
	*ret_minutes = 0;
	if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z'))
		return true;
	if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-'))
		return false;
	int sign = s.p[0] == '-' ? -1 : 1, hours, minutes;
	struct str rest = {s.p + 1, s.n - 1};
	if (!take_number(&rest, 2, ':', 0, 23, &hours) || !take_number(&rest, 2, 0, 0, 59, &minutes))
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

bool clock_parse_rfc3339(struct str s, int64_t *ret_wall_ms)
{
	struct tm tm = {0};
	int year, month, ms, offset;
	if (!take_number(&s, 4, '-', 0, 9999, &year) || !take_number(&s, 2, '-', 1, 12, &month) ||
	    !take_number(&s, 2, 0, 1, days_in_month(year, month), &tm.tm_mday) || s.n == 0 ||
	    (s.p[0] != 'T' && s.p[0] != 't'))
		return false;
	s = (struct str){s.p + 1, s.n - 1};
	if (!take_number(&s, 2, ':', 0, 23, &tm.tm_hour) || !take_number(&s, 2, ':', 0, 59, &tm.tm_min) ||
	    !take_number(&s, 2, 0, 0, 60, &tm.tm_sec) || /* 60: a leap second */
	    !take_fraction(&s, &ms) || !take_offset(s, &offset))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*ret_wall_ms = ((int64_t)timegm(&tm) - (int64_t)offset * 60) * 1000 + ms;
	return true;
}

/* The unit at the start of s in milliseconds and its length; 0 if there is none. */
static size_t duration_unit(struct str s, int64_t *ret_ms)
{
	if (str_starts_with(s, STR("ms")))
		return *ret_ms = 1, 2;
	if (str_starts_with(s, STR("s")))
		return *ret_ms = 1000, 1;
	if (str_starts_with(s, STR("m")))
		return *ret_ms = 60 * 1000, 1;
	if (str_starts_with(s, STR("h")))
		return *ret_ms = 60 * 60 * 1000, 1;
	return 0;
}

/* One "1.5s" at the start of *s, added to *total. Microseconds, so that parts of a millisecond add up. */
static bool take_duration_part(struct str *s, int64_t *total_us)
{
	int64_t whole = 0, fraction = 0, scale = 1, unit;
	size_t i = 0, digits = 0;
	for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, digits++)
		if (whole <= DURATION_MAX_MS) /* beyond it is too long already, in any unit */
			whole = whole * 10 + (s->p[i] - '0');
	if (i < s->n && s->p[i] == '.') {
		for (i++; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, digits++) {
			if (scale >= 1000000000)
				continue;
			fraction = fraction * 10 + (s->p[i] - '0');
			scale *= 10;
		}
	}
	size_t length = duration_unit((struct str){s->p + i, s->n - i}, &unit);
	if (digits == 0 || length == 0)
		return false;
	*s = (struct str){s->p + i + length, s->n - i - length};
	unit *= 1000;
	/* Neither product can overflow: whole < 10^9, fraction < scale <= 10^9, unit <= 3.6 * 10^9. */
	*total_us += whole * unit + fraction * unit / scale;
	return true;
}

int duration_parse(struct str s, int64_t *ret_ms, struct error *err)
{
	int64_t total_us = 0;
	int shown = utf8_shown(s);
	struct str rest = s;
	do {
		if (!take_duration_part(&rest, &total_us))
			return error_set(
			    err, ERR_BAD_REQUEST,
			    "invalid duration \"%.*s\": must be numbers with the units h, m, s or ms, "
			    "such as \"90s\", \"1m30s\" or \"500ms\"",
			    shown, s.n ? s.p : "");
		if (total_us > DURATION_MAX_MS * 1000)
			return error_set(err, ERR_BAD_REQUEST,
					 "invalid duration \"%.*s\": must be at most 24h", shown, s.p);
	} while (rest.n > 0);
	if (total_us < 1000)
		return error_set(err, ERR_BAD_REQUEST, "invalid duration \"%.*s\": must be at least 1ms",
				 shown, s.p);
	*ret_ms = total_us / 1000;
	return 0;
}

void duration_format(int64_t ms, char ret[DURATION_SIZE])
{
	if (ms < 1000 && ms > -1000) {
		snprintf(ret, DURATION_SIZE, ms ? "%" PRId64 "ms" : "0s", ms);
		return;
	}
	size_t used = 0;
	uint64_t left = (uint64_t)ms;
	if (ms < 0) {
		left = 0 - left;
		ret[used++] = '-';
	}
	uint64_t hours = left / 3600000, minutes = left / 60000 % 60, rest = left % 60000;
	if (hours)
		used += (size_t)snprintf(ret + used, DURATION_SIZE - used, "%" PRIu64 "h", hours);
	if (minutes)
		used += (size_t)snprintf(ret + used, DURATION_SIZE - used, "%" PRIu64 "m", minutes);
	if (rest % 1000 == 0 && rest)
		snprintf(ret + used, DURATION_SIZE - used, "%" PRIu64 "s", rest / 1000);
	else if (rest % 100 == 0 && rest)
		snprintf(ret + used, DURATION_SIZE - used, "%" PRIu64 ".%" PRIu64 "s", rest / 1000,
			 rest % 1000 / 100);
	else if (rest % 10 == 0 && rest)
		snprintf(ret + used, DURATION_SIZE - used, "%" PRIu64 ".%02" PRIu64 "s", rest / 1000,
			 rest % 1000 / 10);
	else if (rest)
		snprintf(ret + used, DURATION_SIZE - used, "%" PRIu64 ".%03" PRIu64 "s", rest / 1000,
			 rest % 1000);
	else
		ret[used] = '\0';
}

int64_t duration_doubled(int64_t first_ms, unsigned times, int64_t max_ms)
{
	int64_t ms = first_ms;
	for (unsigned i = 0; i < times && ms < max_ms; i++)
		ms *= 2;
	return ms < max_ms ? ms : max_ms;
}
