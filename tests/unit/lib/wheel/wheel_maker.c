#include "wheel_maker.h"

#include "zip_maker.h"

#include "lib/base/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 64

static void put_hash(struct buffer *out, const char *algorithm, struct str bytes)
{
	unsigned char raw[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
	unsigned size;
	const EVP_MD *md = EVP_get_digestbyname(algorithm);
	if (!md || EVP_Digest(bytes.n ? bytes.p : "", bytes.n, raw, &size, md, NULL) != 1)
		abort();
	size_t n = (size_t)EVP_EncodeBlock(text, raw, (int)size);
	buffer_appendf(out, "%s=", algorithm);
	for (size_t i = 0; i < n && text[i] != '='; i++)
		buffer_append_byte(out, text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i]);
}

static void put_line(struct buffer *out, const struct made_file *file)
{
	struct str bytes = str_of(file->recorded ? file->recorded : file->data);
	bool is_quoted = strpbrk(file->path, ",\"") != NULL;
	buffer_append_c(out, is_quoted ? "\"" : "");
	for (const char *p = file->path; *p; p++)
		buffer_appendf(out, *p == '"' ? "\"\"" : "%c", *p);
	buffer_append_c(out, is_quoted ? "\"," : ",");
	if (!file->is_unhashed)
		put_hash(out, file->algorithm ? file->algorithm : "sha256", bytes);
	buffer_append_c(out, ",");
	if (file->recorded_size)
		buffer_append_c(out, file->recorded_size);
	else if (!file->is_unhashed)
		buffer_appendf(out, "%zu", bytes.n);
	buffer_append_c(out, "\n");
}

static char *text_of(const char *format, const char *value)
{
	struct buffer text = BUFFER(4096);
	for (const char *p = format; *p; p++) {
		if (*p == '%')
			buffer_append_c(&text, value);
		else
			buffer_append_byte(&text, *p);
	}
	return buffer_steal(&text);
}

/* "demo" of "demo-1.0", and the other. */
static char *metadata_of(const char *stem)
{
	struct str name, version;
	struct buffer text = BUFFER(4096);
	str_split_once(str_of(stem), '-', &name, &version);
	buffer_appendf(&text, "Metadata-Version: 2.1\nName: %.*s\nVersion: %.*s\n\nA text.\nName: other\n",
		       (int)name.n, name.p, (int)version.n, version.p);
	return buffer_steal(&text);
}

struct buffer make_wheel(const struct made_wheel *wheel)
{
	char *paths[] = {text_of("%.dist-info/WHEEL", wheel->stem),
			 text_of("%.dist-info/METADATA", wheel->stem),
			 text_of("%.dist-info/RECORD", wheel->stem)};
	char *metadata = metadata_of(wheel->stem);
	struct made_file files[FILES_MAX];
	struct made_entry entries[FILES_MAX] = {{0}};
	size_t count = 0, written = 0;
	struct buffer record = BUFFER((size_t)1 << 20);
	for (size_t i = 0; i < wheel->count; i++)
		files[count++] = wheel->files[i];
	if (!wheel->wheel || *wheel->wheel)
		files[count++] = (struct made_file){
		    .path = paths[0],
		    .data = wheel->wheel ? wheel->wheel
					 : "Wheel-Version: 1.0\nGenerator: test\nTag: py3-none-any\n"};
	if (!wheel->metadata || *wheel->metadata)
		files[count++] = (struct made_file){.path = paths[1],
						    .data = wheel->metadata ? wheel->metadata : metadata};
	for (size_t i = 0; i < count; i++)
		if (!files[i].is_unlisted)
			put_line(&record, &files[i]);
	buffer_appendf(&record, "%s,,\n%s", paths[2], wheel->record_more ? wheel->record_more : "");
	if (!wheel->record || *wheel->record)
		files[count++] =
		    (struct made_file){.path = paths[2], .data = wheel->record ? wheel->record : record.data};
	for (size_t i = 0; i < count; i++)
		if (!files[i].is_missing)
			entries[written++] = (struct made_entry){
			    .name = files[i].path,
			    .data = files[i].data,
			    .mode = S_IFREG | (files[i].mode ? files[i].mode : 0644),
			};
	int fd = make_entries(entries, written);
	struct buffer bytes = BUFFER((size_t)8 << 20);
	struct stat st;
	if (fstat(fd, &st) != 0 || !buffer_reserve(&bytes, (size_t)st.st_size) ||
	    pread(fd, bytes.data, (size_t)st.st_size, 0) != st.st_size)
		abort();
	bytes.len = (size_t)st.st_size;
	close(fd);
	buffer_free(&record);
	free(metadata);
	for (size_t i = 0; i < 3; i++)
		free(paths[i]);
	return bytes;
}

int make_wheel_file(const struct made_wheel *wheel)
{
	struct buffer bytes = make_wheel(wheel);
	int fd = make_file(buffer_str(&bytes));
	buffer_free(&bytes);
	return fd;
}

struct buffer make_small_wheel(const char *stem, const char *module, const char *text)
{
	struct made_file file = {.path = module, .data = text};
	return make_wheel(&(struct made_wheel){.stem = stem, .files = &file, .count = 1});
}

int make_archive(const struct archived *files, size_t count)
{
	struct made_entry entries[FILES_MAX + 256] = {
	    {.name = "SKILL.md", .data = "---\nname: x\n---\n", .mode = S_IFREG | 0644}};
	for (size_t i = 0; i < count; i++)
		entries[i + 1] = (struct made_entry){
		    .name = files[i].path,
		    .data = files[i].data.p,
		    .data_size = files[i].data.n,
		    .mode = S_IFREG | (files[i].is_executable ? 0755u : 0644u),
		};
	return make_entries(entries, count + 1);
}

const char *sha256_of(struct str bytes)
{
	static char hex[DIGEST_HEX_SIZE];
	if (digest_sha256_hex(bytes, hex, NULL) != 0)
		abort();
	return hex;
}
