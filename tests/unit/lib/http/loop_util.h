/* For tests: run a loop until a condition holds, with a deadline that fails the test. */
#ifndef SKILLBOX_TESTS_HTTP_LOOP_UTIL_H
#define SKILLBOX_TESTS_HTTP_LOOP_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#define LOOP_DEADLINE_MS 20000
#define LOOP_TICK_MS                                                                                         \
	10 /* UV_RUN_ONCE runs timers before it blocks: without a tick it would sleep over what they did */

static inline void loop_on_tick(uv_timer_t *timer)
{
	++*(unsigned *)timer->data;
}

/* Turn the loop until `condition` (an expression) is true. */
#define LOOP_UNTIL(loop, condition)                                                                          \
	do {                                                                                                 \
		unsigned loop_ticks = 0;                                                                     \
		uv_timer_t loop_timer;                                                                       \
		uv_timer_init(loop, &loop_timer);                                                            \
		loop_timer.data = &loop_ticks;                                                               \
		uv_update_time(loop);                                                                        \
		uv_timer_start(&loop_timer, loop_on_tick, LOOP_TICK_MS, LOOP_TICK_MS);                       \
		while (!(condition) && loop_ticks < LOOP_DEADLINE_MS / LOOP_TICK_MS)                         \
			uv_run(loop, UV_RUN_ONCE);                                                           \
		bool loop_met = (condition);                                                                 \
		uv_close((uv_handle_t *)&loop_timer, NULL);                                                  \
		uv_run(loop, UV_RUN_NOWAIT);                                                                 \
		if (!loop_met)                                                                               \
			fail_msg("waited %d ms for: %s", LOOP_DEADLINE_MS, #condition);                      \
	} while (0)

/* Run what is left (close callbacks) and close the loop: a handle left open is a failure. */
static inline void loop_end(uv_loop_t *loop)
{
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

#endif
