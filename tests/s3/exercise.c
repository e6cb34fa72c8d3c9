/* s3-exercise: one operation of the S3 store, with the programs' own options from the environment
 * (SKILLBOX_S3_…), for tests against real servers. Prints what it got; on an error, its name and message on
 * stderr, and exits with 1. EXERCISE_CLOCK_OFFSET: seconds that its clock is ahead. */
#include "lib/base/digest.h"
#include "lib/base/options.h"
#include "lib/blob/s3.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

struct exercise {
	struct s3_options s3;
	int64_t clock_offset_s;

	uv_loop_t loop;
	struct http_client *client;
	struct blob_store *store;
	uv_timer_t timer;
	int result; /* -1: not there yet */
	const char *out_path;
};

static const struct option option_table[] = {
    S3_OPTIONS(struct exercise, s3),
    {"EXERCISE_CLOCK_OFFSET", OPTION_INT, offsetof(struct exercise, clock_offset_s), "0", 0, 0, false, ""},
};
#define OPTION_COUNT (sizeof(option_table) / sizeof(option_table[0]))

static void end(struct exercise *exercise, const struct error *error)
{
	if (error)
		fprintf(stderr, "%s: %s\n", error_code_name(error->code), error->message);
	exercise->result = error ? 1 : 0;
	uv_stop(&exercise->loop);
}

static int64_t wall_ms(void *context)
{
	const struct exercise *exercise = context;
	return clock_wall_ms(&clock_system) + exercise->clock_offset_s * 1000;
}

static int64_t monotonic_us(void *context)
{
	(void)context;
	return clock_monotonic_us(&clock_system);
}

/* Commands: 0 if the loop will bring the end */

static void on_stored(void *context, const struct error *error, int fd, int64_t size)
{
	(void)fd;
	(void)size;
	end(context, error);
}

static int digest_of_file(int fd, char ret[DIGEST_TEXT_SIZE], struct error *err)
{
	static char block[1 << 18];
	unsigned char raw[32];
	struct digest *digest = digest_new(err);
	ssize_t n;
	int status = digest ? 0 : -1;
	while (status == 0 && (n = read(fd, block, sizeof(block))) > 0)
		status = digest_update(digest, block, (size_t)n, err);
	if (status == 0)
		status = digest_finish(digest, raw, err);
	digest_free(digest);
	if (status != 0)
		return -1;
	size_t at = (size_t)snprintf(ret, DIGEST_TEXT_SIZE, "sha256:");
	for (size_t i = 0; i < sizeof(raw); i++)
		at += (size_t)snprintf(ret + at, DIGEST_TEXT_SIZE - at, "%02x", raw[i]);
	return 0;
}

/* TENANT FILE [DIGEST] */
static int put_command(struct exercise *exercise, int count, char **arguments, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	struct stat st;
	int fd = open(arguments[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_errno(err, "%s", arguments[1]);
	int status = digest_of_file(fd, digest, err);
	const struct blob_key key = {BLOB_EXECUTIONS, arguments[0], count > 2 ? arguments[2] : digest};
	if (status == 0)
		status = blob_put(exercise->store, &key, fd, st.st_size, on_stored, exercise, err);
	close(fd);
	puts(digest);
	return status;
}

static void on_got(void *context, const struct error *error, int fd, int64_t size)
{
	static char block[1 << 18];
	struct exercise *exercise = context;
	if (!error) {
		int out = open(exercise->out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		ssize_t n;
		while ((n = read(fd, block, sizeof(block))) > 0)
			if (write(out, block, (size_t)n) != n)
				exercise->result = 2;
		close(out);
		close(fd);
		printf("%" PRId64 "\n", size);
	}
	end(exercise, error);
}

/* TENANT DIGEST MAX FILE */
static int get_command(struct exercise *exercise, int count, char **arguments, struct error *err)
{
	int64_t max;
	const struct blob_key key = {BLOB_EXECUTIONS, arguments[0], arguments[1]};
	if (count < 4 || !str_to_i64(str_of(arguments[2]), 0, INT64_MAX, &max))
		return error_set(err, ERR_BAD_REQUEST, "get TENANT DIGEST MAX FILE");
	exercise->out_path = arguments[3];
	return blob_get(exercise->store, &key, max, on_got, exercise, err);
}

/* TENANT DIGEST */
static int delete_command(struct exercise *exercise, int count, char **arguments, struct error *err)
{
	(void)count;
	const struct blob_key key = {BLOB_EXECUTIONS, arguments[0], arguments[1]};
	return blob_delete(exercise->store, &key, on_stored, exercise, err);
}

static void on_time(uv_timer_t *timer)
{
	end(timer->data, NULL);
}

/* TENANT DIGEST SECONDS [FILENAME] */
static int presign_command(struct exercise *exercise, int count, char **arguments, struct error *err)
{
	cleanup_buffer struct buffer url = BUFFER(8192);
	int64_t seconds;
	const struct blob_key key = {BLOB_EXECUTIONS, arguments[0], arguments[1]};
	if (count < 3 || !str_to_i64(str_of(arguments[2]), 1, INT64_MAX, &seconds))
		return error_set(err, ERR_BAD_REQUEST, "presign TENANT DIGEST SECONDS [FILENAME]");
	if (blob_presign_get(exercise->store, &key, count > 3 ? arguments[3] : NULL, seconds, &url, err) != 0)
		return -1;
	puts(url.data);
	uv_timer_start(&exercise->timer, on_time, 0, 0);
	return 0;
}

/* Until the verdict is there: "good", or what is wrong. */
static void on_check_time(uv_timer_t *timer)
{
	struct exercise *exercise = timer->data;
	struct error err;
	int status = blob_check(exercise->store, &err);
	if (status != 0 && strstr(err.message, "has not answered yet"))
		return;
	end(exercise, status == 0 ? NULL : &err);
}

static int check_command(struct exercise *exercise, int count, char **arguments, struct error *err)
{
	(void)count;
	(void)arguments;
	(void)err;
	uv_timer_start(&exercise->timer, on_check_time, 0, 20);
	return 0;
}

static const struct command {
	const char *name;
	int arguments; /* at least */
	int (*start)(struct exercise *exercise, int count, char **arguments, struct error *err);
} commands[] = {{"put", 2, put_command},
		{"get", 4, get_command},
		{"delete", 2, delete_command},
		{"presign", 3, presign_command},
		{"check", 0, check_command}};

static int run(struct exercise *exercise, const struct command *command, int count, char **arguments)
{
	struct clock clock = {wall_ms, monotonic_us, exercise};
	struct error err = {0};
	exercise->s3.clock = &clock;
	exercise->client = blob_s3_client(&exercise->loop, &exercise->s3, 0, &err);
	if (exercise->client)
		exercise->store = blob_store_s3(&exercise->loop, exercise->client, &exercise->s3, &err);
	if (exercise->store && command->start(exercise, count, arguments, &err) == 0)
		uv_run(&exercise->loop, UV_RUN_DEFAULT);
	else
		end(exercise, &err);
	uv_close((uv_handle_t *)&exercise->timer, NULL);
	blob_store_free(exercise->store);
	http_client_free(exercise->client);
	while (uv_run(&exercise->loop, UV_RUN_DEFAULT) !=
	       0) /* more than once if it was stopped before it ran */
		;
	return exercise->result;
}

/* The most that was resident. (Not getrusage: it remembers the parent's, of before exec.) */
static void print_memory(void)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof(line), status))
		if (str_starts_with(str_of(line), STR("VmHWM:")))
			fprintf(stderr, "memory: %s", line + strlen("VmHWM:"));
	if (status)
		fclose(status);
}

int main(int count, char **arguments)
{
	struct exercise exercise = {.result = -1};
	struct error err;
	const struct command *command = NULL;
	for (size_t i = 0; count > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(arguments[1], commands[i].name) == 0 && count - 2 >= commands[i].arguments)
			command = &commands[i];
	if (!command) {
		fprintf(stderr, "usage: s3-exercise put|get|delete|presign|check ARGUMENT...\n");
		return 64;
	}
	if (options_load(option_table, OPTION_COUNT, &exercise, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		return 64;
	}
	uv_loop_init(&exercise.loop);
	uv_timer_init(&exercise.loop, &exercise.timer);
	exercise.timer.data = &exercise;
	int result = run(&exercise, command, count - 2, arguments + 2);
	uv_loop_close(&exercise.loop);
	options_free(option_table, OPTION_COUNT, &exercise);
	print_memory();
	return result;
}
