/* The checks of the keywords: each gives whether the value is right, and tells if it isn't. A value of a kind
 * that the keyword isn't about is right. */
#ifndef SKILLBOX_SCHEMA_CHECKS_H
#define SKILLBOX_SCHEMA_CHECKS_H

#include "lib/schema/run.h"

typedef bool schema_check(struct run *run, const struct here *here, const struct rule *rule);

/* check_values.c */
schema_check check_type, check_enum, check_const, check_multiple_of, check_bound, check_length, check_pattern,
    check_count, check_unique_items;
/* check_items.c */
schema_check check_contains, check_first_items, check_other_items, check_items_or_list;
/* check_properties.c */
schema_check check_required, check_dependencies, check_property_names, check_properties,
    check_pattern_properties, check_additional_properties;
/* check_logic.c */
schema_check check_all_of, check_any_of, check_one_of, check_not, check_if, check_unevaluated;
/* check_references.c */
schema_check check_reference, check_dynamic_reference, check_recursive_reference;

#endif
