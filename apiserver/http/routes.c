/* The API's routes. */
#include "apiserver/http/route.h"

#include "apiserver/blob/blobs.h"
#include "apiserver/execution/executions.h"
#include "apiserver/health.h"
#include "apiserver/http/openapi.h"
#include "apiserver/http/upload.h"
#include "apiserver/key/keys.h"
#include "apiserver/metrics.h"
#include "apiserver/skill/skills.h"

#define RUN SCOPE_RUN
#define PUSH SCOPE_PUSH
#define ADMIN SCOPE_ADMIN

const struct route route_table[] = {
    /* method, pattern, scopes, body, work, begin, piece, handle */
    {"GET", "/health", 0, ROUTE_BODY_NONE, false, NULL, NULL, health_get},
    {"GET", "/ready", 0, ROUTE_BODY_NONE, false, NULL, NULL, ready_get},
    {"GET", "/metrics", 0, ROUTE_BODY_NONE, false, NULL, NULL, metrics_answer},
    {"GET", "/openapi.json", 0, ROUTE_BODY_NONE, false, NULL, NULL, openapi_get},

    {"POST", "/v1/executions", RUN, ROUTE_BODY_JSON, true, NULL, NULL, execution_create},
    {"GET", "/v1/executions", RUN, ROUTE_BODY_NONE, false, NULL, NULL, execution_list},
    {"GET", "/v1/executions/:id", RUN, ROUTE_BODY_NONE, false, NULL, NULL, execution_get},
    {"DELETE", "/v1/executions/:id", RUN, ROUTE_BODY_NONE, false, NULL, NULL, execution_cancel},
    {"GET", "/v1/executions/:id/logs", RUN, ROUTE_BODY_NONE, false, NULL, NULL, execution_logs},

    {"POST", "/v1/skills", PUSH, ROUTE_BODY_SKILL, true, upload_begin, upload_piece, skill_push},
    {"GET", "/v1/skills", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, skill_list},
    {"POST", "/v1/skills/validate", PUSH, ROUTE_BODY_SKILL, true, upload_begin, upload_piece, skill_validate},
    {"GET", "/v1/skills/:name/:version", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, skill_get},
    {"DELETE", "/v1/skills/:name/:version", PUSH, ROUTE_BODY_NONE, true, NULL, NULL, skill_delete},

    {"POST", "/v1/keys", ADMIN, ROUTE_BODY_JSON, true, NULL, NULL, key_create},
    {"GET", "/v1/keys", ADMIN, ROUTE_BODY_NONE, false, NULL, NULL, key_list},
    {"DELETE", "/v1/keys/:id", ADMIN, ROUTE_BODY_NONE, true, NULL, NULL, key_revoke},

    {"POST", "/mcp", RUN | PUSH, ROUTE_BODY_JSON, true, NULL, NULL, not_implemented},
    {"GET", "/mcp", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, not_implemented},
    {"DELETE", "/mcp", RUN | PUSH, ROUTE_BODY_NONE, false, NULL, NULL, not_implemented},

    {"GET", "/blobs/*", 0, ROUTE_BODY_NONE, false, blob_request_begin, NULL, blob_read},
    {"PUT", "/blobs/*", 0, ROUTE_BODY_BLOB, false, blob_request_begin, blob_request_piece, blob_write},
    {"DELETE", "/blobs/*", 0, ROUTE_BODY_NONE, false, blob_request_begin, NULL, blob_remove},
};
const size_t route_count = sizeof(route_table) / sizeof(route_table[0]);
