"""No field of a custom resource is taken without effect: each of each spec has a row that says where it acts. A field that is added
without one fails here, and so does a row whose source no longer has what it names."""

import pathlib

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The resource's field → (the source in which it acts, what stands there).
FIELDS = {
    "skills": {
        "name": ("apiserver/cluster.c", "skill->spec.name"),
        "version": ("lib/policy/newest.c", "candidate->spec.version"),
        "description": ("apiserver/rest/skills.c", "skill->spec.description"),
        "instructions": ("controller/sandbox/job.c", "skill->spec.instructions"),
        "lang": ("lib/skill/judgement.c", "skill->spec.lang"),
        "entrypoint": ("lib/skill/judgement.c", "skill->spec.entrypoint"),
        "image": ("lib/skill/judgement.c", "skill->spec.image"),
        "timeoutSeconds": ("lib/skill/judgement.c", "skill->spec.timeout_ms"),
        "timeoutMilliseconds": ("lib/skill/judgement.c", "skill->spec.timeout_ms"),
        "resources.cpu": ("lib/skill/judgement.c", "skill->spec.cpu"),
        "resources.memory": ("lib/skill/judgement.c", "skill->spec.memory"),
        "inputSchema": ("apiserver/rest/skills.c", "skill->spec.input_schema"),
        "outputSchema": ("apiserver/rest/skills.c", "skill->spec.output_schema"),
        "source.bundle.digest": ("controller/sandbox/bundle_cache.c", "skill->spec.bundle.digest"),
        "source.bundle.size": ("apiserver/rest/skills.c", "skill->spec.bundle.size"),
        "source.packages.digest": ("controller/sandbox/bundle_cache.c", "skill_packages(skill)->blob.digest"),
        "source.packages.size": ("apiserver/skill/push.c", "packages->blob.size"),
        "source.packages.lock": ("apiserver/cluster.c", "skill_packages(skill)->lock"),
        "source.packages.files": ("apiserver/skill/push.c", "packages->files"),
        "source.packages.bytes": ("lib/skill/judgement.c", "skill_packages(skill)->bytes"),
        "source.build": ("lib/api/skill.c", "skill->spec.build"),
        "source.files": ("controller/sandbox/bundle_cache.c", "skill->spec.files"),
    },
    "executions": {
        "skillRef.name": ("controller/execution/observe.c", "execution->spec.skill_name"),
        "skillRef.version": ("controller/execution/observe.c", "execution->spec.skill_version"),
        "input": ("controller/sandbox/job.c", "execution->spec.input"),
        "inputText": ("controller/sandbox/job.c", "execution->spec.input"),
        "inputRef.digest": ("controller/sandbox/sender.c", "execution->spec.input_ref.digest"),
        "inputRef.size": ("apiserver/execution/texts.c", "execution->spec.input_ref"),
        "env[].name": ("controller/sandbox/job.c", "execution->spec.env[i].name"),
        "env[].value": ("controller/sandbox/job.c", "execution->spec.env[i].value"),
        "timeoutSeconds": ("controller/sandbox/shape.c", "execution->spec.timeout_ms"),
        "timeoutMilliseconds": ("controller/sandbox/shape.c", "execution->spec.timeout_ms"),
        "ttlSecondsAfterFinished": ("controller/execution/plan.c", "execution->spec.ttl_seconds"),
        "cancel": ("controller/execution/plan.c", "execution->spec.cancel"),
    },
    "sandboxpools": {
        "skillRef.name": ("controller/pool/skill.c", "object->spec.skill_name"),
        "skillRef.version": ("controller/pool/skill.c", "object->spec.skill_version"),
        "image": ("controller/pool/shape.c", "pool->spec.image"),
        "lang": ("controller/pool/shape.c", "pool->spec.lang"),
        "preload": ("controller/pool/shape.c", "pool->spec.preload"),
        "runtimeClassName": ("controller/pool/shape.c", "pool->spec.runtime_class"),
        "resources.cpu": ("controller/pool/shape.c", "pool->spec.cpu"),
        "resources.memory": ("controller/pool/shape.c", "pool->spec.memory"),
        "replicas": ("controller/pool/observe.c", "object->spec.replicas"),
    },
}


def fields(schema, path=""):
    """Paths of all values of a schema: what has properties is looked into."""
    for name, value in schema.get("properties", {}).items():
        below = value.get("items", value)
        here = path + name + ("[]" if below is not value and "properties" in below else "")
        yield from fields(below, here + ".") if "properties" in below else [here]


@pytest.mark.parametrize("plural", FIELDS)
def test_each_field_has_its_effect(plural):
    crd = yaml.safe_load((ROOT / f"crds/{plural}.yaml").read_text())
    for version in crd["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        assert set(fields(spec)) == set(FIELDS[plural]), f"{plural}: a field without a row, or a row without a field"
    for field, (source, text) in FIELDS[plural].items():
        assert text in (ROOT / source).read_text(), f"{plural}: {field} no longer acts in {source}"


def test_each_resource_is_looked_at():
    assert {path.stem for path in (ROOT / "crds").glob("*.yaml")} - {"kustomization"} == set(FIELDS)


def test_a_field_is_found_wherever_it_is():
    schema = {"properties": {"a": {"type": "string"}, "b": {"properties": {"c": {}, "d": {"items": {"type": "string"}}}},
                             "e": {"items": {"properties": {"f": {}}}}}}
    assert list(fields(schema)) == ["a", "b.c", "b.d", "e[].f"]
