"""Generated requests (schemathesis): no answer but those that the document describes, and none that is the server's fault.

The same requests each time: what fails here can be repeated. What they may do to the cluster is bounded in traffic.py."""

import json

import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (content_type_conformance, response_headers_conformance, response_schema_conformance,
                                               status_code_conformance, unsupported_method)

from openapi_document import SOURCE, closed
from traffic import archives

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance, unsupported_method]
NOTHING_LEARNT = {"extra-data-sources": {"responses": False}}  # ids of what others have made are not for us to try
CONFIGURATION = {
    "seed": 1,
    "generation": {"max-examples": 25, "deterministic": True, "database": "none", "with-security-parameters": False},
    "phases": {
        "examples": NOTHING_LEARNT,
        "coverage": NOTHING_LEARNT,
        "fuzzing": {**NOTHING_LEARNT, "error-feedback": {"enabled": False}},
    },
}

schemathesis.openapi.media_type("application/zip", archives(), aliases=["application/octet-stream"])


# From the source, so that each operation is a test of its own; test_document.py compares it with what the server gives.
api = schemathesis.openapi.from_dict(closed(json.loads(SOURCE.read_text())), config=schemathesis.Config.from_dict(CONFIGURATION))


def checks_for(case):
    """501 is the server's fault, but where the document says that the operation isn't built yet."""
    is_built = "501" not in case.operation.definition.raw["responses"]
    return [*CHECKS, not_a_server_error] if is_built else CHECKS


def headers_of(client):
    return {"Authorization": f"Bearer {client.api_key}"}


@api.parametrize()
def test_every_operation_answers_as_documented(case, client, traffic):
    traffic.before(case)
    response = case.call(client.base_url, headers=headers_of(client), timeout=60)
    traffic.after(case, response)
    case.validate_response(response, checks=checks_for(case))
