/* Files that change, in the ways in which they do: written over, put in place of, a symbolic link of a folder
 * led elsewhere (as the kubelet does), taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/files/file_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 20000

struct fixture {
	uv_loop_t loop;
	uv_timer_t deadline;
	char folder[64], a[96], b[96];
	struct file_watch *watch;
	unsigned changes;
};

static void on_changed(void *context)
{
	((struct fixture *)context)->changes++;
}

static void on_deadline(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("nothing was noticed");
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	*f = (struct fixture){.folder = "/tmp/skillbox-watch-XXXXXX"};
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->a, sizeof(f->a), "%s/a", f->folder);
	snprintf(f->b, sizeof(f->b), "%s/b", f->folder);
	uv_loop_init(&f->loop);
	uv_timer_init(&f->loop, &f->deadline);
	uv_timer_start(&f->deadline, on_deadline, DEADLINE_MS, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char other[160];
	file_watch_free(f->watch);
	uv_close((uv_handle_t *)&f->deadline, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	unlink(f->a);
	unlink(f->b);
	for (int i = 1; i <= 2; i++) {
		snprintf(other, sizeof(other), "%s/%d/a", f->folder, i);
		unlink(other);
		snprintf(other, sizeof(other), "%s/%d", f->folder, i);
		rmdir(other);
	}
	rmdir(f->folder);
	return uv_loop_close(&f->loop);
}

static void start(struct fixture *f)
{
	const char *const paths[] = {f->a, f->b};
	struct error err;
	f->watch = file_watch_new(&f->loop, paths, 2, on_changed, f, &err);
	assert_non_null(f->watch);
}

static void wait_for(struct fixture *f, unsigned changes)
{
	while (f->changes < changes)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->changes, changes);
}

static void written_put_in_place_and_taken_away(void **state)
{
	struct fixture *f = *state;
	char fresh[160];
	put(f->a, "one");
	start(f); /* b is not there yet */
	put(f->b, "two");
	wait_for(f, 1);
	put(f->a, "new"); /* of the same length */
	wait_for(f, 2);
	snprintf(fresh, sizeof(fresh), "%s/1", f->folder);
	put(fresh, "new"); /* the same content in another file: nothing to tell */
	assert_int_equal(rename(fresh, f->a), 0);
	put(f->b, "three");
	wait_for(f, 3);
	unlink(f->a);
	wait_for(f, 4);
}

/* Each name is a link to ..data/NAME, and ..data a link to a folder; another one is put in its place. */
static void as_the_kubelet_does(void **state)
{
	struct fixture *f = *state;
	char data[160], path[200];
	for (int i = 1; i <= 2; i++) {
		snprintf(data, sizeof(data), "%s/%d", f->folder, i);
		assert_int_equal(mkdir(data, 0700), 0);
		snprintf(path, sizeof(path), "%s/a", data);
		put(path, i == 1 ? "one" : "two");
	}
	snprintf(data, sizeof(data), "%s/..data", f->folder);
	assert_int_equal(symlink("1", data), 0);
	assert_int_equal(symlink("..data/a", f->a), 0);
	start(f);
	snprintf(path, sizeof(path), "%s/..new", f->folder);
	assert_int_equal(symlink("2", path), 0);
	assert_int_equal(rename(path, data), 0);
	wait_for(f, 1);
	unlink(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(written_put_in_place_and_taken_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(as_the_kubelet_does, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
