/* Time: wall clock in milliseconds since 1970 (int64_t), monotonic clock in microseconds; RFC 3339;
 * durations. Clocks are passed in (struct clock), so that tests can step them. */
#ifndef SKILLBOX_BASE_CLOCK_H
#define SKILLBOX_BASE_CLOCK_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct clock {
	int64_t (*wall_ms)(void *context);      /* since 1970-01-01T00:00:00Z */
	int64_t (*monotonic_us)(void *context); /* since some fixed point */
	void *context;
};

extern const struct clock clock_system;

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_monotonic_us(const struct clock *clock);

#define CLOCK_RFC3339_SIZE 32
/* "2026-11-24T10:58:24Z", or with milliseconds "…24.123Z"; UTC. */
void clock_format_rfc3339(int64_t wall_ms, bool with_ms, char ret[CLOCK_RFC3339_SIZE]);
/* The same with six digits behind the point, which is what Kubernetes takes as a MicroTime. */
#define CLOCK_MICRO_TIME_SIZE (CLOCK_RFC3339_SIZE + 3)
void clock_format_micro_time(int64_t wall_ms, char ret[CLOCK_MICRO_TIME_SIZE]);
/* Takes Z or a numeric offset, and any number of fraction digits (cut to ms). */
bool clock_parse_rfc3339(struct str s, int64_t *ret_wall_ms);

/* A Go-style duration of h, m, s, ms ("90s", "1m30s", "500ms", "1.5s"), > 0, at most 24h, to milliseconds. */
int duration_parse(struct str s, int64_t *ret_ms, struct error *err);
#define DURATION_SIZE 32
/* The shortest form: "30s", "1m30s", "1h", "1.5s", "250ms". */
void duration_format(int64_t ms, char ret[DURATION_SIZE]);

/* What is waited between tries: first_ms, doubled so many times, at most max_ms. */
int64_t duration_doubled(int64_t first_ms, unsigned times, int64_t max_ms);

#endif
