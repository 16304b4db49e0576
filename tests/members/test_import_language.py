"""A report speaks the language of whoever started the import, whatever the worker speaks."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import override

from members import services
from members.models import ImportRun
from members.tasks import run_imports
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LANGUAGES = [("en", "zh-hans"), ("zh-hans", "en")]


def imported(owner, community, content: bytes, *, language: str) -> ImportRun:
    file = SimpleUploadedFile("members.csv", content)
    facts = {"workspace_id": community.workspace_id, "kind": "members", "options": {"community": community.pk}}
    with override(language):
        run = services.prepare_import(**facts, file=file, actor=owner.actor, now=NOON)
        services.confirm_import(run=run, actor=owner.actor, now=NOON)
    return run


@pytest.mark.parametrize(("mine", "the_workers"), LANGUAGES)
def test_rows_left_out_are_explained_in_ones_own_language(owner, community, mine, the_workers) -> None:
    run = imported(owner, community, b"name,phone\nAnna,12\n", language=mine)
    with override(the_workers):
        run_imports()
    run.refresh_from_db()
    assert run.problems[0]["message"].isascii() is (mine == "en")


@pytest.mark.parametrize(("mine", "the_workers"), LANGUAGES)
def test_a_failure_is_explained_in_ones_own_language(owner, community, mine, the_workers) -> None:
    run = imported(owner, community, b"a,b\n1,2\n", language=mine)
    with override(the_workers):
        run_imports()
    run.refresh_from_db()
    assert (run.state, run.error.startswith("The file")) == ("failed", mine == "en")


def test_an_import_that_is_started_again_speaks_the_language_of_that_moment(owner, community) -> None:
    run = imported(owner, community, b"a,b\n1,2\n", language="zh-hans")
    run_imports()
    with override("en"):
        services.retry_import(run=run, actor=owner.actor, now=NOON)
    run_imports()
    run.refresh_from_db()
    assert run.error.startswith("The file")
