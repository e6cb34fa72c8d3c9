#include "cli/terminal/terminal.h"

#include "lib/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PATIENCE_US ((int64_t)500 * 1000) /* what is quicker shows nothing */
#define INTERVAL_MS 100
#define BAR 24 /* characters */

static bool wants_plain(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	return (no_colour && *no_colour) || (term && strcmp(term, "dumb") == 0);
}

bool terminal_is_rich(FILE *stream)
{
	return !wants_plain() && isatty(fileno(stream));
}

unsigned terminal_columns(FILE *stream)
{
#ifdef TIOCGWINSZ
	struct winsize size;
	if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0)
		return size.ws_col;
#endif
	(void)stream;
	return 0;
}

const char *terminal_colour(FILE *stream, enum terminal_colour colour)
{
	static const char *const sequences[] = {"\033[0m", "\033[31m", "\033[32m", "\033[33m", "\033[2m"};
	return terminal_is_rich(stream) ? sequences[colour] : "";
}

void progress_begin(struct progress *progress, const char *what, int64_t total)
{
	*progress = (struct progress){.what = what,
				      .total = total,
				      .began_us = clock_monotonic_us(&clock_system),
				      .is_on = terminal_is_rich(stderr)};
}

static void show_bar(const struct progress *progress, int64_t done)
{
	char bar[BAR + 1];
	int64_t part = done >= progress->total ? BAR : done * BAR / progress->total;
	for (int i = 0; i < BAR; i++)
		bar[i] = i < part ? '#' : '.';
	bar[BAR] = 0;
	fprintf(stderr, "\r\033[K%s [%s] %3d%% of %.1f MiB", progress->what, bar,
		(int)(done >= progress->total ? 100 : done * 100 / progress->total),
		(double)progress->total / (1 << 20));
}

void progress_show(struct progress *progress, int64_t done)
{
	int64_t now = clock_monotonic_us(&clock_system);
	if (!progress->is_on || now - progress->began_us < PATIENCE_US ||
	    (progress->is_shown && now - progress->shown_us < INTERVAL_MS * 1000))
		return;
	progress->is_shown = true;
	progress->shown_us = now;
	if (progress->total > 0)
		show_bar(progress, done);
	else
		fprintf(stderr, "\r\033[K%s … %d s", progress->what,
			(int)((now - progress->began_us) / 1000000));
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->is_shown)
		fputs("\r\033[K", stderr);
	progress->is_shown = false;
}

int progress_interval(const struct progress *progress)
{
	return progress->is_on ? INTERVAL_MS : -1;
}
