#include "apiserver/http/openapi.h"

#include "apiserver/http/answer.h"
#include "openapi_bytes.h" /* static const unsigned char openapi_bytes[] = {…}; */

struct str openapi_document(void)
{
	return (struct str){(const char *)openapi_bytes, sizeof(openapi_bytes)};
}

void openapi_get(struct request *request)
{
	answer_text(request, 200, ANSWER_JSON_TYPE, openapi_document());
}
