"""The plan: its published schema, and the digest that leaves places out."""

import json

import jsonschema
import pytest
from pydantic import ValidationError

from taskc.compiler.digests import plan_digest
from taskc.compiler.plan import Plan


def test_a_plan_conforms_to_its_published_schema(project, repository):
    """What is published validates what is made, and refuses what is not a plan."""
    schema = json.loads((repository / "docs/schemas/plan.schema.json").read_text("utf-8"))
    document = json.loads(Plan(builds=(project().plan(),)).model_dump_json())
    validator = jsonschema.Draft202012Validator(schema)

    validator.validate(document)
    del document["builds"][0]["mixture"]["seed"]

    assert [error.message for error in validator.iter_errors(document)] != []


def test_a_plan_survives_json(project):
    """Written and read again it is the same plan."""
    made = Plan(builds=(project().plan(),))

    assert Plan.model_validate_json(made.model_dump_json()) == made


def test_an_unknown_field_is_refused(project):
    """A plan of another version is not half understood."""
    document = json.loads(project().plan().model_dump_json())
    document["surprise"] = 1

    with pytest.raises(ValidationError, match="surprise"):
        type(project().plan()).model_validate(document)


def test_the_digest_knows_content_and_not_layout(project, tmp_path):
    """Comments, line breaks and folders change nothing; a word of a prompt does."""
    digest = plan_digest(project().plan())
    spaced = (
        project()
        .spec.replace("\nmixture", "\n# a comment\n\nmixture")
        .replace("  seed", "    seed")
    )
    moved = project(folder=tmp_path / "elsewhere")
    reworded = project().spec.replace("What is", "How much is")

    assert plan_digest(project(spec=spaced).plan()) == digest
    assert plan_digest(moved.plan()) == digest
    assert plan_digest(project(spec=reworded).plan()) != digest
