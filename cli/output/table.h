/* Objects as lines with columns. */
#ifndef SKILLBOX_CLI_OUTPUT_TABLE_H
#define SKILLBOX_CLI_OUTPUT_TABLE_H

#include "cli/output/print.h"

/* array: checked, of objects. */
int table_print(struct str array, const struct listing *listing, struct error *err);

#endif
