/* Structured log: one JSON object a line on stderr. Libraries don't log, their callers do, once. Never log
 * secrets or user data. */
#ifndef SKILLBOX_BASE_LOG_H
#define SKILLBOX_BASE_LOG_H

#include "lib/base/error.h"

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_init(const char *component, enum log_level level);  /* component: a literal, "controller" */
bool log_level_parse(const char *name, enum log_level *ret); /* debug info warn error */

/* `pairs`: key, value, key, value …, NULL; all C strings; keys are literals; a NULL value leaves its pair
 * out. e.g. log_info("execution finished", "execution", id, "reason", reason, NULL); */
void log_write(enum log_level level, const char *message, ...) __attribute__((sentinel));
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
