#include "apiserver/rest/file_type.h"

/* Text is said to be UTF-8, since nothing else is likely. HTML, SVG and PDF, which may have scripts, are
 * never shown, nor is what a browser would guess at. */
static const struct file_type types[] = {
    {".txt", "text/plain; charset=utf-8", true},
    {".log", "text/plain; charset=utf-8", true},
    {".md", "text/markdown; charset=utf-8", true},
    {".csv", "text/csv; charset=utf-8", true},
    {".tsv", "text/tab-separated-values; charset=utf-8", true},
    {".json", "application/json", true},
    {".jsonl", "application/jsonl", true},
    {".yaml", "application/yaml", true},
    {".yml", "application/yaml", true},
    {".png", "image/png", true},
    {".jpg", "image/jpeg", true},
    {".jpeg", "image/jpeg", true},
    {".gif", "image/gif", true},
    {".webp", "image/webp", true},
    {".avif", "image/avif", true},
    {".svg", "image/svg+xml", false},
    {".html", "text/html; charset=utf-8", false},
    {".htm", "text/html; charset=utf-8", false},
    {".xml", "application/xml", false},
    {".pdf", "application/pdf", false},
    {".zip", "application/zip", false},
    {".gz", "application/gzip", false},
    {".tar", "application/x-tar", false},
    {".parquet", "application/vnd.apache.parquet", false},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false},
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
    {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", false},
    {".mp3", "audio/mpeg", false},
    {".wav", "audio/wav", false},
    {".mp4", "video/mp4", false},
    {".webm", "video/webm", false},
};
static const struct file_type other = {"", "application/octet-stream", false};

static struct str last_part(struct str path)
{
	size_t start = path.n;
	while (start > 0 && path.p[start - 1] != '/')
		start--;
	return (struct str){path.p + start, path.n - start};
}

const struct file_type *file_type_of(struct str path)
{
	struct str name = last_part(path);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct str suffix = str_of(types[i].suffix);
		if (name.n > suffix.n &&
		    str_eq_ignore_case((struct str){name.p + name.n - suffix.n, suffix.n}, suffix))
			return &types[i];
	}
	return &other;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '-' || c == '_';
}

/* RFC 6266: a name for all, in which what is not plain is '_', and the true one for whom it is not enough. */
void file_disposition(struct buffer *out, struct str path, bool is_shown)
{
	struct str name = last_part(path);
	bool differs = false;
	buffer_appendf(out, "%s; filename=\"", is_shown ? "inline" : "attachment");
	for (size_t i = 0; i < name.n; i++) {
		differs |= !is_plain(name.p[i]);
		buffer_append_byte(out, is_plain(name.p[i]) ? name.p[i] : '_');
	}
	buffer_append_byte(out, '"');
	if (!differs)
		return;
	buffer_append_c(out, "; filename*=UTF-8''");
	for (size_t i = 0; i < name.n; i++) {
		if (is_plain(name.p[i]))
			buffer_append_byte(out, name.p[i]);
		else
			buffer_appendf(out, "%%%02X", (unsigned)(unsigned char)name.p[i]);
	}
}
