#include "apiserver/rest/routes.h"

#include "apiserver/http/openapi.h"
#include "apiserver/http/upload.h"
#include "apiserver/object/api_key.h"
#include "apiserver/rest/blobs.h"
#include "apiserver/rest/executions.h"
#include "apiserver/rest/files.h"
#include "apiserver/rest/health.h"
#include "apiserver/rest/images.h"
#include "apiserver/rest/keys.h"
#include "apiserver/rest/metrics_page.h"
#include "apiserver/rest/skills.h"
#include "apiserver/rest/whoami.h"

#define RUN SCOPE_RUN
#define PUSH SCOPE_PUSH
#define ADMIN SCOPE_ADMIN

const struct route route_table[] = {
    /* method, pattern, scopes, body, work, begin, piece, handle */
    {"GET", "/health", 0, ROUTE_BODY_NONE, false, NULL, NULL, health_get},
    {"GET", "/ready", 0, ROUTE_BODY_NONE, false, NULL, NULL, ready_get},
    {"GET", "/openapi.json", 0, ROUTE_BODY_NONE, false, NULL, NULL, openapi_get},

    {"POST", "/v1/executions", RUN, ROUTE_BODY_JSON, true, NULL, NULL, rest_execution_create},
    {"GET", "/v1/executions", RUN, ROUTE_BODY_NONE, false, NULL, NULL, rest_execution_list},
    {"GET", "/v1/executions/:id", RUN, ROUTE_BODY_NONE, false, NULL, NULL, rest_execution_get},
    {"DELETE", "/v1/executions/:id", RUN, ROUTE_BODY_NONE, false, NULL, NULL, rest_execution_cancel},
    {"GET", "/v1/executions/:id/logs", RUN, ROUTE_BODY_NONE, false, NULL, NULL, rest_execution_logs},
    {"GET", "/v1/executions/:id/files/*path", RUN, ROUTE_BODY_NONE, false, NULL, NULL, rest_execution_file},

    {"POST", "/v1/skills", PUSH, ROUTE_BODY_SKILL, true, upload_begin, upload_piece, rest_skill_push},
    {"GET", "/v1/skills", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, rest_skill_list},
    {"POST", "/v1/skills/validate", PUSH, ROUTE_BODY_SKILL, true, upload_begin, upload_piece,
     rest_skill_validate},
    {"GET", "/v1/skills/:name/:version", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, rest_skill_get},
    {"DELETE", "/v1/skills/:name/:version", PUSH, ROUTE_BODY_NONE, true, NULL, NULL, rest_skill_delete},

    {"GET", "/v1/images", RUN | PUSH | ADMIN, ROUTE_BODY_NONE, false, NULL, NULL, rest_image_list},

    {"GET", "/v1/whoami", RUN | PUSH | ADMIN, ROUTE_BODY_NONE, false, NULL, NULL, rest_whoami},

    {"POST", "/v1/keys", ADMIN, ROUTE_BODY_JSON, true, NULL, NULL, rest_key_create},
    {"GET", "/v1/keys", ADMIN, ROUTE_BODY_NONE, false, NULL, NULL, rest_key_list},
    {"DELETE", "/v1/keys/:id", ADMIN, ROUTE_BODY_NONE, true, NULL, NULL, rest_key_revoke},

    {"POST", "/mcp", RUN | PUSH, ROUTE_BODY_JSON, true, NULL, NULL, not_implemented},
    {"GET", "/mcp", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, not_implemented},
    {"DELETE", "/mcp", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, not_implemented},

    {"GET", "/blobs/*", 0, ROUTE_BODY_NONE, false, blob_request_begin, NULL, blob_read},
    {"PUT", "/blobs/*", 0, ROUTE_BODY_BLOB, false, blob_request_begin, blob_request_piece, blob_write},
    {"DELETE", "/blobs/*", 0, ROUTE_BODY_NONE, false, blob_request_begin, NULL, blob_remove},
};
const size_t route_count = sizeof(route_table) / sizeof(route_table[0]);

/* Clients ask for the first two on their own port. */
const struct route probe_route_table[] = {
    {"GET", "/health", 0, ROUTE_BODY_NONE, false, NULL, NULL, health_get},
    {"GET", "/ready", 0, ROUTE_BODY_NONE, false, NULL, NULL, ready_get},
    {"GET", "/metrics", 0, ROUTE_BODY_NONE, false, NULL, NULL, metrics_page_get},
};
const size_t probe_route_count = sizeof(probe_route_table) / sizeof(probe_route_table[0]);
