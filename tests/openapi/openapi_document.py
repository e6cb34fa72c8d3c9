"""Working with the OpenAPI document as a dictionary."""

import copy
import pathlib

from jsonschema_rs import Draft202012Validator

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "apiserver" / "http" / "openapi.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def operations(document):
    """(path, method, operation) of each."""
    return [(path, method, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item]


def resolve(document, value):
    while "$ref" in value:
        reference = value["$ref"]
        value = document
        for name in reference.removeprefix("#/").split("/"):
            value = value[name]
    return value


def references(value):
    """Every $ref, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def responses(document):
    """(operation, status, response) of each."""
    return [(operation, status, resolve(document, response)) for _, _, operation in operations(document)
            for status, response in operation["responses"].items()]


def closed(document):
    """A copy in which objects in answers have no fields but those that are described. The document itself leaves room
    for fields of later versions."""
    document = copy.deepcopy(document)

    def close(schema, is_part=False):
        schema = resolve(document, schema)
        for part in schema.get("allOf", []):
            close(part, is_part=True)  # what the others describe counts, too: the whole is closed, not its parts
        inside = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])] + ([schema["items"]] if "items" in schema else [])
        for inner in inside:
            close(inner)
        is_object = "properties" in schema or "allOf" in schema
        if is_object and not is_part and "additionalProperties" not in schema:
            schema["unevaluatedProperties"] = False

    for _, _, response in responses(document):
        for content in response.get("content", {}).values():
            close(content["schema"])
    return document


def validator(document, schema):
    return Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)


def conforms(document, answer, path, method):
    """The answer is one that the document has for that operation."""
    response = resolve(document, document["paths"][path][method]["responses"][str(answer.status_code)])
    for name in response["headers"]:
        assert name in answer.headers, f"{method} {path}: no {name}"
    content = response.get("content")
    if content is None:
        assert answer.content == b""
        return
    media = answer.headers["Content-Type"].split(";")[0]
    if media == "application/json":
        validator(document, content[media]["schema"]).validate(answer.json())
    else:
        assert media in content or "*/*" in content
