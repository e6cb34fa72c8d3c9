/* Kubernetes quantities ("500m", "0.5", "256Mi", "1e3"). */
#ifndef SKILLBOX_BASE_QUANTITY_H
#define SKILLBOX_BASE_QUANTITY_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

int quantity_parse_cpu(struct str s, int64_t *ret_millicores, struct error *err); /* rounded up; > 0 */
int quantity_parse_memory(struct str s, int64_t *ret_bytes, struct error *err);   /* rounded up; > 0 */
#define QUANTITY_SIZE 32
void quantity_format_cpu(int64_t millicores, char ret[QUANTITY_SIZE]); /* "500m", "2" */
void quantity_format_memory(int64_t bytes, char ret[QUANTITY_SIZE]);   /* "256Mi", "1Gi", or plain bytes */

#endif
