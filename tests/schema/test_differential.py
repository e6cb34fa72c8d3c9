"""Random schemas and values: the verdict is that of PyPI's jsonschema. What Python does otherwise is left to the unit tests:
fractions here are halves, and no text ends with a line feed, before which its `$` matches, too."""

import json
import random

import jsonschema
import pytest
import schema_suite as suite

VALIDATORS = {"draft2020-12": jsonschema.Draft202012Validator, "draft2019-09": jsonschema.Draft201909Validator,
              "draft7": jsonschema.Draft7Validator}
SCHEMAS, VALUES = 400, 6
NAMES = ["a", "b", "ab", "c/d", "é"]
PATTERNS = ["^a", "b$", "^[ab]+$", "é", "^$", "a|c"]
TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"]


class Maker:
    """Makes values and schemas by one dialect's keywords."""

    def __init__(self, seed, draft):
        self.random = random.Random(seed)
        self.draft = draft

    def value(self, depth=0):
        pick = self.random.randrange(6 if depth > 2 else 9)
        if pick == 0:
            return self.random.choice([None, True, False])
        if pick <= 2:
            return self.random.choice([0, 1, 2, 3, 7, -1, 1.0, 1.5, 2.5, 1e2, 12345678901234567890])
        if pick <= 5:
            return self.random.choice(["", "a", "b", "ab", "aab", "é", " a", "😀"])
        if pick == 6:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return {name: self.value(depth + 1) for name in self.random.sample(NAMES, self.random.randrange(4))}

    def schemas(self, depth, most=3):
        return [self.schema(depth + 1) for _ in range(self.random.randint(1, most))]

    def names(self):
        return self.random.sample(NAMES, self.random.randrange(3))

    def keyword(self, depth):
        """(name, value) of one that looks at a value."""
        number = self.random.choice([0, 1, 2, 3, 1.5, 2.0])
        count = self.random.choice([0, 1, 2, 3, 2.0])
        choices = [
            ("type", lambda: self.random.choice([self.random.choice(TYPES), self.random.sample(TYPES, 3)])),
            ("enum", lambda: [self.value(1) for _ in range(4)]), ("const", lambda: self.value(1)),
            ("multipleOf", lambda: self.random.choice([1, 2, 0.5, 3, 1.5])),
            ("maximum", lambda: number), ("minimum", lambda: number), ("exclusiveMaximum", lambda: number), ("exclusiveMinimum", lambda: number),
            ("maxLength", lambda: count), ("minLength", lambda: count), ("pattern", lambda: self.random.choice(PATTERNS)),
            ("maxItems", lambda: count), ("minItems", lambda: count), ("uniqueItems", lambda: self.random.random() < 0.8),
            ("maxProperties", lambda: count), ("minProperties", lambda: count), ("required", self.names),
        ]
        return self.made(choices)

    def applicator(self, depth):
        """(name, value) of one that applies schemas."""
        one, several = (lambda: self.schema(depth + 1)), (lambda: self.schemas(depth))
        choices = [
            ("properties", lambda: {name: self.schema(depth + 1) for name in self.random.sample(NAMES, 2)}),
            ("patternProperties", lambda: {self.random.choice(PATTERNS): self.schema(depth + 1)}),
            ("additionalProperties", lambda: self.random.choice([False, self.schema(depth + 1)])), ("propertyNames", one), ("contains", one),
            ("allOf", several), ("anyOf", several), ("oneOf", several), ("not", one), ("if", one), ("then", one), ("else", one),
        ]
        if self.draft == "draft2020-12":
            choices += [("prefixItems", several), ("items", one)]
        else:
            choices += [("items", lambda: self.random.choice([self.schema(depth + 1), self.schemas(depth)])), ("additionalItems", one)]
        if self.draft == "draft7":
            choices += [("dependencies", lambda: {self.random.choice(NAMES): self.random.choice([self.names(), self.schema(depth + 1)])})]
        else:
            choices += [("dependentRequired", lambda: {self.random.choice(NAMES): self.names()}),
                        ("dependentSchemas", lambda: {self.random.choice(NAMES): self.schema(depth + 1)}),
                        ("unevaluatedProperties", lambda: self.random.choice([False, self.schema(depth + 1)])),
                        ("unevaluatedItems", lambda: self.random.choice([False, self.schema(depth + 1)])),
                        ("minContains", lambda: self.random.randrange(3)), ("maxContains", lambda: self.random.randrange(3))]
        return self.made(choices)

    def made(self, choices):
        name, make = self.random.choice(choices)
        return name, make()

    def schema(self, depth=0):
        if depth > 3 or self.random.random() < 0.1:
            return self.random.choice([True, True, False, {}, {"type": self.random.choice(TYPES)}])
        made = dict(self.keyword(depth) if self.random.random() < 0.5 else self.applicator(depth) for _ in range(self.random.randint(1, 4)))
        if depth > 0 and self.random.random() < 0.15:
            # In draft-07 what stands beside a reference isn't there, and only its own schema looks at it.
            made = {} if self.draft == "draft7" else made
            made["$ref"] = f"#/definitions/{self.random.randrange(3)}"
        return made

    def document(self):
        """Definitions refer to nothing, so that no reference goes in a circle."""
        made = self.schema()
        while not isinstance(made, dict):
            made = self.schema()
        made["definitions"] = {str(i): self.schema(4) if i else dict([self.keyword(4)]) for i in range(3)}
        return made



@pytest.mark.parametrize("draft", suite.DIALECTS)
def test_verdicts_are_those_of_jsonschema(draft):
    maker = Maker(f"{draft} 1", draft)
    cases = [(maker.document(), [maker.value() for _ in range(VALUES)]) for _ in range(SCHEMAS)]
    answers = suite.verdicts([{"schema": schema, "values": values} for schema, values in cases], draft)
    wrong, valid, invalid = [], 0, 0
    for (schema, values), answer in zip(cases, answers, strict=True):
        assert "error" not in answer, (answer, json.dumps(schema))
        validator = VALIDATORS[draft](schema)
        for value, problems in zip(values, answer["problems"], strict=True):
            good = validator.is_valid(value)
            valid, invalid = valid + good, invalid + (not good)
            if good == bool(problems):
                wrong.append((json.dumps(schema), json.dumps(value), good, problems))
    print(f"{draft}: {valid} valid, {invalid} invalid")
    assert wrong == []
    assert min(valid, invalid) > SCHEMAS * VALUES // 10, "one-sided"


def spoil(maker, schema):
    """The same with one keyword's value replaced by some other."""
    places = []

    def walk(at):
        for key in at if isinstance(at, dict) else range(len(at)):
            places.append((at, key))
            if isinstance(at[key], (dict, list)):
                walk(at[key])

    walk(schema)
    at, key = maker.random.choice(places)
    at[key] = maker.random.choice([maker.value(), -1, "a", [], {}, ["a", "a"], None, 1.5, True])
    return schema


def is_taken(draft, schema):
    try:
        VALIDATORS[draft].check_schema(schema)
    except jsonschema.SchemaError:
        return False
    return True


@pytest.mark.parametrize("draft", suite.DIALECTS)
def test_schemas_that_are_none_are_refused(draft):
    """By the dialect's own schema, which jsonschema checks with."""
    maker = Maker(f"{draft} 2", draft)
    schemas = [spoil(maker, maker.document()) for _ in range(SCHEMAS)]
    answers = suite.verdicts([{"schema": schema, "values": []} for schema in schemas], draft)
    wrong, refused = [], 0
    for schema, answer in zip(schemas, answers, strict=True):
        taken = is_taken(draft, schema)
        refused += not taken
        # What is refused here alone: a reference to nothing, which no schema of schemas can tell.
        if taken == ("error" in answer) and "leads to nothing" not in answer.get("error", ""):
            wrong.append((json.dumps(schema), taken, answer))
    assert wrong == []
    assert refused > SCHEMAS // 10
