/* What S3 servers say, and what it means to those who run Skillbox. */
#include "lib/blob/s3_internal.h"

#include "lib/base/utf8.h"

#define TEXT_MAX 300 /* shown of a server's own words */

/* XML, as much as S3's answers need: elements without attributes that hold text */

static const struct {
	struct str name;
	char byte;
} entities[] = {{{"&amp;", 5}, '&'},   {{"&lt;", 4}, '<'},  {{"&gt;", 4}, '>'},   {{"&quot;", 6}, '"'},
		{{"&apos;", 6}, '\''}, {{"&#34;", 5}, '"'}, {{"&#39;", 5}, '\''}, {{"&#43;", 5}, '+'}};

static void append_decoded(struct buffer *ret, struct str text)
{
	while (text.n) {
		char byte = text.p[0];
		size_t used = 1;
		for (size_t i = 0; byte == '&' && used == 1 && i < sizeof(entities) / sizeof(entities[0]);
		     i++) {
			if (!str_starts_with(text, entities[i].name))
				continue;
			byte = entities[i].byte;
			used = entities[i].name.n;
			break;
		}
		buffer_append_byte(ret, byte);
		text = (struct str){text.p + used, text.n - used};
	}
}

static bool find(struct str text, struct str what, size_t *ret_position)
{
	const char *at = text.n ? memmem(text.p, text.n, what.p, what.n) : NULL;
	if (!at)
		return false;
	*ret_position = (size_t)(at - text.p);
	return true;
}

bool s3_xml_text(struct str xml, const char *element, struct buffer *ret)
{
	char tag[64];
	size_t begin, end;
	int n = snprintf(tag, sizeof(tag), "<%s>", element);
	if (n < 0 || (size_t)n >= sizeof(tag) || !find(xml, str_of(tag), &begin))
		return false;
	struct str rest = {xml.p + begin + n, xml.n - begin - (size_t)n};
	/* Of the end tag, or of an element inside, which we never look for. */
	if (!find(rest, STR("<"), &end))
		return false;
	append_decoded(ret, (struct str){rest.p, end});
	return !ret->failed;
}

/* As a C string without control characters; empty if it isn't UTF-8 or doesn't fit. */
static void copy_line(struct str line, char ret[TEXT_MAX])
{
	ret[0] = '\0';
	if (line.n >= TEXT_MAX || !utf8_is_valid(line, NULL))
		return;
	for (size_t i = 0; i < line.n; i++)
		ret[i] = (unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f ? ' ' : line.p[i];
	ret[line.n] = '\0';
}

/* The text of an element as a C string for messages: one line of UTF-8. Empty if there is none. */
static void element_line(struct str xml, const char *element, char ret[TEXT_MAX])
{
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX - 1);
	ret[0] = '\0';
	if (!s3_xml_text(xml, element, &text) && !text.failed)
		return;
	struct str line = buffer_str(&text);
	while (line.n && !utf8_is_valid(line, NULL) && text.failed) /* cut inside a character */
		line.n--;
	copy_line(line, ret);
}

bool s3_answer_is(const struct http_response *response, const char *code)
{
	char found[TEXT_MAX];
	element_line(response->body, "Code", found);
	return strcmp(found, code) == 0;
}

/* Refusals */

/* What we can say better than the server. The fault is that of the configuration, never of the user whose
 * blob it is: hence ERR_INTERNAL. */
static const struct refusal {
	const char *code;
	enum error_code error;
	const char *words;
} refusals[] = {
    {"NoSuchKey", ERR_NOT_FOUND, "it isn't in the bucket"},
    {"NoSuchBucket", ERR_INTERNAL, "the bucket doesn't exist: create it"},
    {"AccessDenied", ERR_INTERNAL,
     "the access key lacks the right: it needs s3:ListBucket on the bucket and s3:GetObject, s3:PutObject "
     "and "
     "s3:DeleteObject on what is in it"},
    {"SignatureDoesNotMatch", ERR_INTERNAL,
     "the signature is wrong: check SKILLBOX_S3_SECRET_KEY, and that nothing on the way changes the Host "
     "header"},
    {"InvalidAccessKeyId", ERR_INTERNAL, "the access key is unknown there: check SKILLBOX_S3_ACCESS_KEY"},
    {"BucketAlreadyExists", ERR_INTERNAL, "the bucket belongs to somebody else: choose another name"},
    {"EntityTooLarge", ERR_TOO_LARGE, "it is larger than the server takes"},
    {"XAmzContentSHA256Mismatch", ERR_IO, "it changed on its way"},
    {"BadDigest", ERR_IO, "it changed on its way"},
    {"SlowDown", ERR_UNAVAILABLE, "the server asks for fewer requests"},
    {"XMinioStorageFull", ERR_UNAVAILABLE, "the server's disks are full"},
    {"QuotaExceeded", ERR_UNAVAILABLE, "the bucket's quota is used up"},
};

static bool is_skew(const char *code)
{
	return strcmp(code, "RequestTimeTooSkewed") == 0;
}

static int refuse_skew(struct s3_store *store, const struct http_response *response, const char *prefix,
		       struct error *err)
{
	char theirs[TEXT_MAX], ours[CLOCK_RFC3339_SIZE];
	struct str date;
	element_line(response->body, "ServerTime", theirs);
	if (!theirs[0] && http_response_header(response, "Date", &date))
		copy_line(date, theirs);
	clock_format_rfc3339(clock_wall_ms(store->clock), false, ours);
	return error_set(
	    err, ERR_INTERNAL,
	    "%s: the clocks differ by too much (RequestTimeTooSkewed): it is %s here and %s there; set "
	    "the wrong one right",
	    prefix, ours, theirs[0] ? theirs : "another time");
}

static enum error_code error_of_status(int status)
{
	if (status == 404)
		return ERR_NOT_FOUND;
	if (status == 429 || status >= 500)
		return ERR_UNAVAILABLE;
	return ERR_INTERNAL;
}

int s3_refusal(struct s3_store *store, enum blob_bucket bucket, const struct http_response *response,
	       struct error *err)
{
	char code[TEXT_MAX], message[TEXT_MAX], region[TEXT_MAX], prefix[512];
	if (response->error)
		return error_set(err, response->error->code, "S3: %s", response->error->message);
	element_line(response->body, "Code", code);
	element_line(response->body, "Message", message);
	element_line(response->body, "Region", region);
	snprintf(prefix, sizeof(prefix), "S3 at %.200s, bucket %.63s", store->endpoint.host,
		 store->buckets[bucket]);
	if (is_skew(code))
		return refuse_skew(store, response, prefix, err);
	if (region[0] && strcmp(region, store->region) != 0 && response->status < 404)
		return error_set(err, ERR_INTERNAL,
				 "%s: the region is %s, not %s (%s): set SKILLBOX_S3_REGION", prefix, region,
				 store->region, code);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (strcmp(code, refusals[i].code) == 0)
			return error_set(err, refusals[i].error, "%s: %s (%s)", prefix, refusals[i].words,
					 code);
	return error_set(err, error_of_status(response->status), "%s: the answer is %d%s%s%s%s", prefix,
			 response->status, code[0] ? " " : "", code, message[0] ? ": " : "", message);
}

void s3_transfer_refuse(struct s3_transfer *transfer, const struct http_response *response)
{
	struct remote_transfer *remote = &transfer->remote;
	remote->status = s3_refusal(s3_store_of(transfer), transfer->bucket, response, &remote->error);
	error_wrap(&remote->error, "blob %s", remote->digest);
}
