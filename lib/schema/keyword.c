#include "lib/schema/keyword.h"

#include "lib/schema/checks.h"

#define ALL (DIALECT_7 | DIALECT_2019 | DIALECT_2020)
#define NEW (DIALECT_2019 | DIALECT_2020)

/* clang-format off */
const struct keyword keywords[KEYWORD_COUNT] = {
    [KEYWORD_ID] = {"$id", ALL, FORM_ELSEWHERE, false, NULL},
    [KEYWORD_SCHEMA] = {"$schema", ALL, FORM_ELSEWHERE, false, NULL},
    [KEYWORD_ANCHOR] = {"$anchor", NEW, FORM_ELSEWHERE, false, NULL},
    [KEYWORD_DYNAMIC_ANCHOR] = {"$dynamicAnchor", DIALECT_2020, FORM_ELSEWHERE, false, NULL},
    [KEYWORD_RECURSIVE_ANCHOR] = {"$recursiveAnchor", DIALECT_2019, FORM_BOOLEAN, false, NULL},
    [KEYWORD_VOCABULARY] = {"$vocabulary", NEW, FORM_ANY, false, NULL},
    [KEYWORD_COMMENT] = {"$comment", ALL, FORM_STRING, false, NULL},
    [KEYWORD_DEFS] = {"$defs", NEW, FORM_SCHEMA_STORE, false, NULL},
    [KEYWORD_DEFINITIONS] = {"definitions", ALL, FORM_SCHEMA_STORE, false, NULL},
    [KEYWORD_TITLE] = {"title", ALL, FORM_STRING, false, NULL},
    [KEYWORD_DESCRIPTION] = {"description", ALL, FORM_STRING, false, NULL},
    [KEYWORD_DEFAULT] = {"default", ALL, FORM_ANY, false, NULL},
    [KEYWORD_DEPRECATED] = {"deprecated", NEW, FORM_BOOLEAN, false, NULL},
    [KEYWORD_READ_ONLY] = {"readOnly", ALL, FORM_BOOLEAN, false, NULL},
    [KEYWORD_WRITE_ONLY] = {"writeOnly", ALL, FORM_BOOLEAN, false, NULL},
    [KEYWORD_EXAMPLES] = {"examples", ALL, FORM_LIST, false, NULL},
    [KEYWORD_FORMAT] = {"format", ALL, FORM_STRING, false, NULL},
    [KEYWORD_CONTENT_ENCODING] = {"contentEncoding", ALL, FORM_STRING, false, NULL},
    [KEYWORD_CONTENT_MEDIA_TYPE] = {"contentMediaType", ALL, FORM_STRING, false, NULL},
    [KEYWORD_CONTENT_SCHEMA] = {"contentSchema", NEW, FORM_SCHEMA, false, NULL},
    [KEYWORD_REF] = {"$ref", ALL, FORM_REFERENCE, true, check_reference},
    [KEYWORD_DYNAMIC_REF] = {"$dynamicRef", DIALECT_2020, FORM_DYNAMIC_REFERENCE, false, check_dynamic_reference},
    [KEYWORD_RECURSIVE_REF] = {"$recursiveRef", DIALECT_2019, FORM_RECURSIVE_REFERENCE, false, check_recursive_reference},
    [KEYWORD_TYPE] = {"type", ALL, FORM_TYPE, false, check_type},
    [KEYWORD_ENUM] = {"enum", ALL, FORM_LIST, false, check_enum},
    [KEYWORD_CONST] = {"const", ALL, FORM_ANY, false, check_const},
    [KEYWORD_MULTIPLE_OF] = {"multipleOf", ALL, FORM_DIVISOR, false, check_multiple_of},
    [KEYWORD_MAXIMUM] = {"maximum", ALL, FORM_NUMBER, false, check_bound},
    [KEYWORD_EXCLUSIVE_MAXIMUM] = {"exclusiveMaximum", ALL, FORM_NUMBER, false, check_bound},
    [KEYWORD_MINIMUM] = {"minimum", ALL, FORM_NUMBER, false, check_bound},
    [KEYWORD_EXCLUSIVE_MINIMUM] = {"exclusiveMinimum", ALL, FORM_NUMBER, false, check_bound},
    [KEYWORD_MAX_LENGTH] = {"maxLength", ALL, FORM_COUNT, false, check_length},
    [KEYWORD_MIN_LENGTH] = {"minLength", ALL, FORM_COUNT, false, check_length},
    [KEYWORD_PATTERN] = {"pattern", ALL, FORM_PATTERN, false, check_pattern},
    [KEYWORD_MAX_ITEMS] = {"maxItems", ALL, FORM_COUNT, false, check_count},
    [KEYWORD_MIN_ITEMS] = {"minItems", ALL, FORM_COUNT, false, check_count},
    [KEYWORD_UNIQUE_ITEMS] = {"uniqueItems", ALL, FORM_BOOLEAN, false, check_unique_items},
    [KEYWORD_MAX_CONTAINS] = {"maxContains", NEW, FORM_COUNT, false, NULL},
    [KEYWORD_MIN_CONTAINS] = {"minContains", NEW, FORM_COUNT, false, NULL},
    [KEYWORD_CONTAINS] = {"contains", ALL, FORM_SCHEMA, false, check_contains},
    [KEYWORD_PREFIX_ITEMS] = {"prefixItems", DIALECT_2020, FORM_SCHEMAS, false, check_first_items},
    [KEYWORD_ITEMS] = {"items", DIALECT_2020, FORM_SCHEMA, false, check_other_items},
    [KEYWORD_ITEMS_OR_LIST] = {"items", DIALECT_7 | DIALECT_2019, FORM_SCHEMA_OR_LIST, false, check_items_or_list},
    [KEYWORD_ADDITIONAL_ITEMS] = {"additionalItems", DIALECT_7 | DIALECT_2019, FORM_SCHEMA, false, check_other_items},
    [KEYWORD_MAX_PROPERTIES] = {"maxProperties", ALL, FORM_COUNT, false, check_count},
    [KEYWORD_MIN_PROPERTIES] = {"minProperties", ALL, FORM_COUNT, false, check_count},
    [KEYWORD_REQUIRED] = {"required", ALL, FORM_NAMES, false, check_required},
    [KEYWORD_DEPENDENT_REQUIRED] = {"dependentRequired", NEW, FORM_NAMES_MAP, false, check_dependencies},
    [KEYWORD_PROPERTY_NAMES] = {"propertyNames", ALL, FORM_SCHEMA, false, check_property_names},
    [KEYWORD_PROPERTIES] = {"properties", ALL, FORM_SCHEMA_MAP, false, check_properties},
    [KEYWORD_PATTERN_PROPERTIES] = {"patternProperties", ALL, FORM_PATTERN_MAP, false, check_pattern_properties},
    [KEYWORD_ADDITIONAL_PROPERTIES] = {"additionalProperties", ALL, FORM_SCHEMA, false, check_additional_properties},
    [KEYWORD_DEPENDENT_SCHEMAS] = {"dependentSchemas", NEW, FORM_SCHEMA_MAP, true, check_dependencies},
    [KEYWORD_DEPENDENCIES] = {"dependencies", DIALECT_7, FORM_DEPENDENCIES, true, check_dependencies},
    [KEYWORD_ALL_OF] = {"allOf", ALL, FORM_SCHEMAS, true, check_all_of},
    [KEYWORD_ANY_OF] = {"anyOf", ALL, FORM_SCHEMAS, true, check_any_of},
    [KEYWORD_ONE_OF] = {"oneOf", ALL, FORM_SCHEMAS, true, check_one_of},
    [KEYWORD_NOT] = {"not", ALL, FORM_SCHEMA, true, check_not},
    [KEYWORD_IF] = {"if", ALL, FORM_SCHEMA, true, check_if},
    [KEYWORD_THEN] = {"then", ALL, FORM_SCHEMA, true, NULL},
    [KEYWORD_ELSE] = {"else", ALL, FORM_SCHEMA, true, NULL},
    [KEYWORD_UNEVALUATED_ITEMS] = {"unevaluatedItems", NEW, FORM_SCHEMA, false, check_unevaluated},
    [KEYWORD_UNEVALUATED_PROPERTIES] = {"unevaluatedProperties", NEW, FORM_SCHEMA, false, check_unevaluated},
};
/* clang-format on */

enum keyword_id keyword_find(struct str name, unsigned dialect)
{
	for (size_t i = 0; i < KEYWORD_COUNT; i++)
		if (keywords[i].dialects & dialect && str_eq(str_of(keywords[i].name), name))
			return (enum keyword_id)i;
	return KEYWORD_COUNT;
}
