#include "lib/frame/frame.h"

/* Each payload is described once, by a function that visits its fields in wire order. The same description
 * writes a frame (codec.out is set) and reads one (codec.in moves on), and holds the bounds for both. */
struct codec {
	struct buffer *out; /* NULL: reading */
	struct str in;      /* what is left to read */
	const char *frame;  /* name of the frame, for messages */
	bool broken;        /* a rule was broken: err is set, further fields do nothing */
	struct error *err;
};

static void broken(struct codec *c, const char *field, const char *why)
{
	if (c->broken)
		return;
	c->broken = true;
	error_set(c->err, ERR_PROTOCOL, "%s frame: %s: %s", c->frame, field, why);
}

static void raw(struct codec *c, const char *field, unsigned char *bytes, size_t n)
{
	if (c->broken)
		return;
	if (c->out) {
		if (buffer_append(c->out, bytes, n) != 0) {
			c->broken = true;
			error_set(c->err, ERR_UNAVAILABLE, "%s frame: the buffer is full", c->frame);
		}
	} else if (c->in.n < n) {
		broken(c, field, "the payload ends too early");
	} else {
		memcpy(bytes, c->in.p, n);
		c->in.p += n;
		c->in.n -= n;
	}
}

static uint64_t number(struct codec *c, const char *field, uint64_t value, unsigned size, uint64_t min,
		       uint64_t max)
{
	unsigned char bytes[8];
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
	raw(c, field, bytes, size);
	if (c->broken)
		return 0;
	if (!c->out) {
		value = 0;
		for (unsigned i = 0; i < size; i++)
			value = value << 8 | bytes[i];
	}
	if (value < min || value > max)
		broken(c, field, "out of range");
	return c->broken ? 0 : value;
}

static void field_u16(struct codec *c, const char *field, uint16_t *value, uint16_t min, uint16_t max)
{
	*value = (uint16_t)number(c, field, *value, 2, min, max);
}

static void field_u32(struct codec *c, const char *field, uint32_t *value, uint32_t min, uint32_t max)
{
	*value = (uint32_t)number(c, field, *value, 4, min, max);
}

static void field_u64(struct codec *c, const char *field, uint64_t *value, uint64_t max)
{
	*value = number(c, field, *value, 8, 0, max);
}

static void field_bool(struct codec *c, const char *field, bool *value)
{
	*value = number(c, field, *value, 1, 0, 1) == 1;
}

static void field_text(struct codec *c, const char *field, struct str *text, uint32_t min, uint32_t max)
{
	/* a size_t above UINT32_MAX is far above every max: clamp it so that the range check sees it */
	uint32_t n = text->n > UINT32_MAX ? UINT32_MAX : (uint32_t)text->n;
	field_u32(c, field, &n, min, max);
	if (c->broken)
		return;
	if (c->out) {
		raw(c, field, (unsigned char *)text->p, n);
	} else if (c->in.n < n) {
		broken(c, field, "the payload ends too early");
	} else {
		*text = (struct str){c->in.p, n};
		c->in.p += n;
		c->in.n -= n;
	}
	if (!c->broken && n > 0 && memchr(text->p, '\0', n))
		broken(c, field, "contains NUL");
}

static void field_path(struct codec *c, const char *field, struct str *path)
{
	field_text(c, field, path, 1, FRAME_MAX_PATH);
	if (!c->broken && !frame_path_is_valid(*path))
		broken(c, field, "not a plain relative path");
}

static void visit_hello_request(struct codec *c, struct frame *f)
{
	struct frame_hello_request *h = &f->hello_request;
	field_u16(c, "version", &h->version, FRAME_VERSION_OLDEST, UINT16_MAX);
	field_text(c, "token", &h->token, 1, FRAME_MAX_TOKEN);
	if (!c->broken && h->version >= FRAME_VERSION_GENERATION)
		field_u64(c, "generation", &h->generation, UINT64_MAX);
	if (!c->broken && !c->out && h->version > FRAME_VERSION)
		c->in = (struct str){NULL, 0}; /* fields of a later version */
}

static void visit_hello(struct codec *c, struct frame *f)
{
	struct frame_hello *h = &f->hello;
	field_u16(c, "version", &h->version, FRAME_VERSION_OLDEST, FRAME_VERSION);
	h->state = (enum frame_state)number(c, "state", h->state, 1, 0, FRAME_STATE_FINISHED);
	field_text(c, "execution_id", &h->execution_id, 0, FRAME_MAX_NAME);
	field_text(c, "note", &h->note, 0, FRAME_MAX_TEXT);
	field_text(c, "runner_version", &h->runner_version, 0, FRAME_MAX_NAME);
	h->layer_count = (unsigned)number(c, "layer_count", h->layer_count, 1, 0, FRAME_MAX_LAYERS);
	for (unsigned i = 0; i < h->layer_count && !c->broken; i++) {
		field_text(c, "layer name", &h->layers[i].name, 1, FRAME_MAX_NAME);
		field_bool(c, "layer active", &h->layers[i].active);
		field_text(c, "layer detail", &h->layers[i].detail, 0, FRAME_MAX_TEXT);
	}
}

static void visit_job(struct codec *c, struct frame *f)
{
	struct frame_job *j = &f->job;
	field_text(c, "execution_id", &j->execution_id, 1, FRAME_MAX_NAME);
	field_text(c, "note", &j->note, 0, FRAME_MAX_TEXT);
	field_text(c, "interpreter", &j->interpreter, 1, FRAME_MAX_NAME);
	field_path(c, "script", &j->script);
	field_u32(c, "timeout_ms", &j->timeout_ms, 1, UINT32_MAX);
	field_u32(c, "max_output", &j->max_output, 0, UINT32_MAX);
	field_u32(c, "max_logs", &j->max_logs, 0, FRAME_MAX_LOGS);
	field_u64(c, "max_files_bytes", &j->max_files_bytes, UINT64_MAX);
	field_u32(c, "max_files_count", &j->max_files_count, 0, UINT32_MAX);
}

static void visit_env(struct codec *c, struct frame *f)
{
	field_text(c, "name", &f->env.name, 1, FRAME_MAX_ENV_NAME);
	if (!c->broken && memchr(f->env.name.p, '=', f->env.name.n))
		broken(c, "name", "contains '='");
	field_text(c, "value", &f->env.value, 0, FRAME_MAX_ENV_VALUE);
}

static void visit_file(struct codec *c, struct frame *f)
{
	field_path(c, "path", &f->file.path);
	field_u32(c, "mode", &f->file.mode, 0, 07777);
	field_u64(c, "size", &f->file.size, FRAME_MAX_BUNDLE_BYTES);
}

static void visit_input(struct codec *c, struct frame *f)
{
	field_u64(c, "size", &f->input.size, FRAME_MAX_INPUT);
}

static void visit_start(struct codec *c, struct frame *f)
{
	field_u32(c, "file_count", &f->start.file_count, 0, FRAME_MAX_BUNDLE_FILES);
	field_u64(c, "byte_count", &f->start.byte_count, FRAME_MAX_BUNDLE_BYTES + FRAME_MAX_INPUT);
}

static void visit_nothing(struct codec *c, struct frame *f)
{
	(void)c;
	(void)f;
}

static void visit_data(struct codec *c, struct frame *f)
{
	/* The bytes are the whole payload: no length of their own. An empty piece says nothing and is
	 * refused, so that every DATA frame brings its object nearer to the end. */
	if (!c->out) {
		f->data = c->in;
		c->in = (struct str){NULL, 0};
	}
	if (f->data.n == 0 || f->data.n > FRAME_DATA_SIZE)
		broken(c, "length", "out of range");
	else if (c->out)
		raw(c, "bytes", (unsigned char *)f->data.p, f->data.n);
}

static void visit_packed(struct codec *c, struct frame *f)
{
	/* The packed bytes are the rest of the payload. */
	field_u32(c, "size", &f->packed.size, 1, FRAME_PACKED_SIZE);
	if (c->broken)
		return;
	if (!c->out) {
		f->packed.bytes = c->in;
		c->in = (struct str){NULL, 0};
	}
	if (f->packed.bytes.n == 0 || f->packed.bytes.n > FRAME_PACKED_MAX)
		broken(c, "length", "out of range");
	else if (c->out)
		raw(c, "bytes", (unsigned char *)f->packed.bytes.p, f->packed.bytes.n);
}

static void visit_started(struct codec *c, struct frame *f)
{
	field_u64(c, "load_us", &f->started.load_us, UINT64_MAX);
}

static void visit_exit(struct codec *c, struct frame *f)
{
	struct frame_exit *e = &f->exit;
	e->reason = (enum frame_exit_reason)number(c, "reason", e->reason, 1, 0, FRAME_OOM);
	e->exit_code = (int32_t)number(c, "exit_code", (uint32_t)e->exit_code, 4, 0, 255);
	field_u64(c, "run_us", &e->run_us, UINT64_MAX);
	field_u64(c, "logs_total", &e->logs_total, UINT64_MAX);
	field_u32(c, "files_skipped", &e->files_skipped, 0, UINT32_MAX);
	field_bool(c, "files_over_limit", &e->files_over_limit);
	field_bool(c, "parked", &e->parked);
}

static void visit_object(struct codec *c, struct frame *f)
{
	struct frame_object *o = &f->object;
	o->kind = (enum frame_object_kind)number(c, "kind", o->kind, 1, FRAME_LOGS_HEAD, FRAME_REASON);
	field_u32(c, "flags", &o->flags, 0,
		  o->kind == FRAME_OUTPUT     ? FRAME_OBJECT_TOO_LARGE
		  : o->kind == FRAME_OUT_FILE ? FRAME_OBJECT_EXECUTABLE
					      : 0);
	if (o->kind == FRAME_OUT_FILE)
		field_path(c, "path", &o->path);
	else
		field_text(c, "path", &o->path, 0, 0);
	field_u64(c, "size", &o->size, UINT64_MAX);
	if (o->kind == FRAME_OUT_FILE)
		field_u64(c, "mtime", &o->mtime, FRAME_MAX_MTIME);
}

static void visit_end(struct codec *c, struct frame *f)
{
	field_u32(c, "object_count", &f->end.object_count, 0, UINT32_MAX);
	field_u64(c, "byte_count", &f->end.byte_count, UINT64_MAX);
}

static void visit_failed(struct codec *c, struct frame *f)
{
	field_text(c, "reason", &f->failed.reason, 1, FRAME_MAX_NAME);
	field_text(c, "message", &f->failed.message, 0, FRAME_MAX_TEXT);
}

struct type_row {
	enum frame_type type;
	bool by_controller, by_runner; /* who sends it */
	const char *name;
	void (*visit)(struct codec *c, struct frame *f);
};

static const struct type_row type_table[] = {
    {FRAME_HELLO, true, false, "HELLO", visit_hello_request},
    {FRAME_HELLO, false, true, "HELLO", visit_hello},
    {FRAME_JOB, true, false, "JOB", visit_job},
    {FRAME_ENV, true, false, "ENV", visit_env},
    {FRAME_FILE, true, false, "FILE", visit_file},
    {FRAME_INPUT, true, false, "INPUT", visit_input},
    {FRAME_START, true, false, "START", visit_start},
    {FRAME_CANCEL, true, false, "CANCEL", visit_nothing},
    {FRAME_DATA, true, true, "DATA", visit_data},
    {FRAME_PACKAGE, true, false, "PACKAGE", visit_file},
    {FRAME_PACKED, true, false, "PACKED", visit_packed},
    {FRAME_STARTED, false, true, "STARTED", visit_started},
    {FRAME_EXIT, false, true, "EXIT", visit_exit},
    {FRAME_OBJECT, false, true, "OBJECT", visit_object},
    {FRAME_END, false, true, "END", visit_end},
    {FRAME_FAILED, false, true, "FAILED", visit_failed},
};

static const struct type_row *find_row(unsigned type, bool from_runner)
{
	for (size_t i = 0; i < sizeof(type_table) / sizeof(type_table[0]); i++) {
		const struct type_row *row = &type_table[i];
		if ((unsigned)row->type == type && (from_runner ? row->by_runner : row->by_controller))
			return row;
	}
	return NULL;
}

const char *frame_type_name(enum frame_type type)
{
	const struct type_row *row = find_row(type, false);
	if (!row)
		row = find_row(type, true);
	return row ? row->name : "unknown";
}

int frame_encode(const struct frame *frame, struct buffer *out, struct error *err)
{
	/* Only HELLO has two forms; elsewhere the type tells the direction, so the flag may be left unset. */
	const struct type_row *row = find_row(frame->type, frame->from_runner);
	if (!row && frame->type != FRAME_HELLO)
		row = find_row(frame->type, !frame->from_runner);
	if (!row)
		return error_set(err, ERR_PROTOCOL, "frame of unknown type %u", (unsigned)frame->type);

	size_t start = out->len;
	bool failed_before = out->failed;
	unsigned char header[FRAME_HEADER_SIZE] = {[4] = (unsigned char)frame->type};
	struct frame copy = *frame; /* the visit wants to write when it reads; it doesn't when it writes */
	struct codec c = {.out = out, .frame = row->name, .err = err};
	raw(&c, "header", header, sizeof(header));
	if (!c.broken)
		row->visit(&c, &copy);
	size_t payload = c.broken ? 0 : out->len - start - FRAME_HEADER_SIZE;
	if (payload > FRAME_MAX_PAYLOAD)
		broken(&c, "payload", "too long");
	if (c.broken) { /* leave the buffer as it was */
		out->len = start;
		out->failed = failed_before;
		if (out->data && start < out->cap)
			out->data[start] = '\0';
		return -1;
	}
	for (unsigned i = 0; i < 4; i++)
		out->data[start + i] = (char)(payload >> (8 * (3 - i)));
	return 0;
}

int frame_decode(struct str bytes, bool from_runner, struct frame *ret_frame, size_t *ret_used,
		 struct error *err)
{
	uint32_t payload = 0;
	size_t have = bytes.n < 4 ? bytes.n : 4;
	for (size_t i = 0; i < have; i++)
		payload = payload << 8 | (unsigned char)bytes.p[i];
	if (have == 4 && payload > FRAME_MAX_PAYLOAD)
		return error_set(err, ERR_PROTOCOL, "frame of %u bytes, at most %u are allowed", payload,
				 FRAME_MAX_PAYLOAD);
	if (bytes.n < FRAME_HEADER_SIZE)
		return 0;
	unsigned type = (unsigned char)bytes.p[4];
	const struct type_row *row = find_row(type, from_runner);
	if (!row)
		return error_set(err, ERR_PROTOCOL, "frame of type %u, which this peer may not send", type);
	if (bytes.n - FRAME_HEADER_SIZE < payload)
		return 0;

	struct frame frame = {.type = row->type, .from_runner = from_runner};
	struct codec c = {.in = {bytes.p + FRAME_HEADER_SIZE, payload}, .frame = row->name, .err = err};
	row->visit(&c, &frame);
	if (c.in.n > 0)
		broken(&c, "payload", "longer than its fields");
	if (c.broken)
		return -1;
	*ret_frame = frame;
	*ret_used = FRAME_HEADER_SIZE + payload;
	return 1;
}
