#include "cli/local/local.h"

#include "cli/local/cage.h"
#include "cli/terminal/interrupt.h"
#include "lib/base/nearest.h"
#include "lib/base/quantity.h"
#include "lib/schema/schema.h"

#include <string.h>

#define NAMES_MAX 2048

static int forgive(const struct call *call, struct layer_set *required, struct error *err)
{
	const char *names[FRAME_LAYER_COUNT], *name;
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++)
		names[i] = frame_layer_name((enum frame_layer_kind)i);
	for (size_t n = 0; (name = call_texts(call, "allow-missing", n)) != NULL; n++) {
		enum frame_layer_kind kind;
		const char *near = nearest_name(str_of(name), names, FRAME_LAYER_COUNT);
		if (!frame_layer_find(str_of(name), &kind))
			return call_usage(err,
					  "--allow-missing is '%s', and that is no layer of isolation%s%s%s. "
					  "Needed are " LOCAL_REQUIRED_LAYERS,
					  name, near ? " (did you mean '" : "", near ? near : "",
					  near ? "'?)" : "");
		required->has[kind] = false;
	}
	return 0;
}

int local_open(const struct call *call, const char *path, bool is_again, struct local *ret, struct error *err)
{
	*ret = (struct local){0};
	if (layers_parse(STR(LOCAL_REQUIRED_LAYERS), &ret->required, err) != 0)
		return COMMAND_ERROR;
	int status = forgive(call, &ret->required, err);
	if (status != 0)
		return status;
	if (machine_find_runner(ret->runner, err) != 0)
		return COMMAND_ERROR;
	if ((status = local_skill_open(call, path, is_again, &ret->skill, err)) != 0)
		return status;
	ret->is_quiet = is_again;
	if (machine_find_interpreter(ret->skill.language->interpreter, &ret->interpreter, err) == 0)
		return 0;
	local_close(ret);
	return COMMAND_ERROR;
}

void local_close(struct local *local)
{
	local_skill_free(&local->skill);
}

/* Layers */

/* What their absence means where there is no Pod; of the others the runner says why. */
static const struct {
	const char *name, *why;
} foreign[] = {
    {"seccomp", "a container runtime's; here the runner's own filter holds alone"},
    {"own_kernel", "gVisor's, on clusters that have it; here it is this machine's kernel"},
};

static void add_name(struct buffer *names, struct str name)
{
	buffer_appendf(names, "%s%.*s", names->len ? ", " : "", (int)name.n, name.p);
}

static void tell_absent(const struct frame_layer *layer)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (str_eq(layer->name, str_of(foreign[i].name))) {
			fprintf(stderr, "  not here: %s (%s)\n", foreign[i].name, foreign[i].why);
			return;
		}
	fprintf(stderr, "  not here: %.*s (%.*s)\n", (int)layer->name.n, layer->name.p, (int)layer->detail.n,
		layer->detail.p);
}

static void tell_layers(void *context, const struct frame_hello *hello)
{
	struct local *local = context;
	cleanup_buffer struct buffer names = BUFFER(NAMES_MAX);
	char memory[QUANTITY_SIZE];
	const struct language *language = local->skill.language;
	if (local->is_quiet)
		return;
	local->is_quiet = true;
	machine_ask_version(&local->interpreter);
	quantity_format_memory(local->skill.memory, memory);
	fprintf(stderr, "%s %s on this machine: %s with %s%s%s%s; a server has an image, %s by default\n",
		local->skill.package.manifest.name, local->skill.package.manifest.version,
		local->skill.bundle->entrypoint, local->interpreter.path,
		local->interpreter.version[0] ? " (" : "", local->interpreter.version,
		local->interpreter.version[0] ? ")" : "", language->default_image);
	for (unsigned i = 0; i < hello->layer_count; i++)
		if (hello->layers[i].active)
			add_name(&names, hello->layers[i].name);
	fprintf(stderr, "isolation: %s\n", names.data ? names.data : "none");
	for (unsigned i = 0; i < hello->layer_count; i++)
		if (!hello->layers[i].active)
			tell_absent(&hello->layers[i]);
	fprintf(stderr, "limits: %s of memory, looked at 50 times a second; %d processes\n", memory,
		CAGE_MAX_PROCESSES);
}

static void show_log(void *file, struct str bytes)
{
	/* It is in the result, too, so what can't be written here is not lost. */
	if (fwrite(bytes.p, 1, bytes.n, file) == bytes.n)
		fflush(file);
}

/* Both contexts of a witness are one. */
struct seen {
	struct local *local;
	FILE *log;
};

static void on_layers(void *context, const struct frame_hello *hello)
{
	tell_layers(((struct seen *)context)->local, hello);
}

static void on_log(void *context, struct str bytes)
{
	show_log(((struct seen *)context)->log, bytes);
}

static int check_variables(const struct local_wish *wish, struct error *err)
{
	for (size_t i = 0; i < wish->env_count; i++)
		if (!frame_env_name_is_allowed(str_of(wish->env[i].name)))
			return error_set(
			    err, ERR_INVALID_ENV,
			    "environment variable '%s' can't be set: the name is reserved or no name",
			    wish->env[i].name);
	return 0;
}

/* As a server does before it makes anything. */
static int check_input(const struct local *local, struct str input, struct error *err)
{
	const char *text = local->skill.package.input_schema;
	cleanup_schema struct schema *schema = NULL;
	struct schema_problems problems;
	if (!text)
		return 0;
	if (schema_compile(str_of(text), NULL, &schema, err) != 0)
		return error_wrap(err, "input_schema");
	if (schema_validate(schema, input, &problems, err) != 0)
		return error_wrap(err, "the input");
	return problems.count ? schema_refuse_input(&problems, err) : 0;
}

/* What to do, behind what is missing. */
static void advise(const struct local_job *job, struct error *err)
{
	struct error advice;
	if (err->code != ERR_UNAVAILABLE || !strstr(err->message, "required layers"))
		return;
	(void)job;
	error_set(&advice, err->code,
		  "%s. Use a server, or, if you trust the script, say that it may be missing: "
		  "--allow-missing LAYER",
		  err->message);
	*err = advice;
}

int local_execute(struct local *local, const struct local_wish *wish, struct local_result *ret,
		  struct error *err)
{
	const struct policy *policy = &local->skill.policy;
	struct seen seen = {local, wish->log};
	*ret = (struct local_result){.arrival = {.spool_fd = -1}};
	struct str input = wish->input.n > 0 && !str_eq(wish->input, STR("null")) ? wish->input : STR("{}");
	if (check_variables(wish, err) != 0 || check_input(local, input, err) != 0 ||
	    interrupt_catch(err) != 0)
		return COMMAND_ERROR;
	struct local_job job = {
	    .runner = local->runner,
	    .bundle = local->skill.bundle,
	    .packages = local->skill.packages,
	    .instructions = local->skill.package.manifest.instructions,
	    .input = input,
	    .env = wish->env,
	    .env_count = wish->env_count,
	    .timeout_ms = policy_timeout(policy, local->skill.timeout_ms, wish->timeout_ms),
	    .memory = local->skill.memory,
	    .max_output = policy->max_output_size,
	    .max_files_bytes = policy->max_files_size,
	    .required = &local->required,
	    .interrupt_fd = interrupt_fd(),
	};
	struct local_witness witness = {on_layers, wish->log ? on_log : NULL, &seen};
	if (local_run(&job, &witness, ret, err) == 0)
		return 0;
	if (interrupt_came())
		return COMMAND_INTERRUPTED;
	advise(&job, err);
	return COMMAND_ERROR;
}
