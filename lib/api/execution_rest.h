/* Members of an Execution as REST clients see it, written one after the other into an object. The API server
 * answers with them, and a run on the user's own machine is shown by them. */
#ifndef SKILLBOX_API_EXECUTION_REST_H
#define SKILLBOX_API_EXECUTION_REST_H

#include "lib/api/execution.h"
#include "lib/base/buffer.h"

/* output; p NULL: none. */
void execution_put_output(struct buffer *out, struct str json);
/* files_list, if there are files; files_url NULL: they are nowhere to be fetched. */
void execution_put_files(struct buffer *out, const struct execution *execution, const char *files_url);
/* logs, logs_truncated */
void execution_put_logs(struct buffer *out, const struct execution *execution, struct str logs);
/* exit_code; and of one that has ended duration_ms, timings, warm */
void execution_put_end(struct buffer *out, const struct execution *execution);
/* isolation of one that has ended, if its sandbox said what it is: name, active, detail of each layer */
void execution_put_isolation(struct buffer *out, const struct execution *execution);
/* error, and error_code of one that failed */
void execution_put_error(struct buffer *out, const struct execution *execution);

#endif
