"""REST of a colleague's personal link, and of the picture and the marks of her cards."""

import io
import logging

import pytest
from django.core.files.base import ContentFile

from community_ops.common import assets, clock
from community_ops.common.logs import LineFormatter
from community_ops.common.models import Asset, AuditEntry
from messaging import services
from messaging.models import Assignee, HumanTask
from messaging.task_policies import link_digest
from tests.common.test_pictures import drawn
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
CARD = {"kind": "moments", "title": "朋友圈", "due_at": "2026-11-21T20:30:00+08:00"}


@pytest.fixture(autouse=True)
def at_noon(monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def log():
    """Everything that is logged meanwhile, as it is written."""
    written, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(written)
    handler.setFormatter(LineFormatter())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def issue(tool, person: Assignee, **headers):
    return tool.post(f"/api/v1/assignees/{person.pk}/issue-link/", headers=headers)


def kept_image(workspace) -> Asset:
    return assets.store_image(ContentFile(drawn(), name="a.png"), workspace_id=workspace.pk)


@pytest.mark.parametrize("role", ["owner", "operator"])
def test_a_link_is_answered_once_and_opens_her_page(workspace, api_of, person, client, log, settings, role) -> None:
    settings.PUBLIC_URL = "https://ops.example.cn"
    answer = issue(api_of(workspace, role), person)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    told = answer.json()
    assert (told["id"], told["has_link"], told["link_made_at"]) == (person.pk, True, "2026-11-21T12:00:00Z")
    code = told["link"].removeprefix("https://ops.example.cn/t/")
    person.refresh_from_db()
    assert link_digest(code) == person.link_digest
    assert client.get(f"/t/{code}").status_code == 302
    for read in (api_of(workspace).get("/api/v1/assignees/"), api_of(workspace).get(f"/api/v1/assignees/{person.pk}/")):
        assert code not in read.content.decode()
    entry = AuditEntry.objects.get(verb="assignee.link_issued")
    assert (entry.target_id, code in str(entry.after)) == (str(person.pk), False)
    assert code not in log.getvalue()


def test_a_new_link_ends_the_former_one(api, person, client) -> None:
    first, second = (issue(api, person).json()["link"].partition("/t/")[2] for _ in range(2))
    assert first != second
    assert client.get(f"/t/{second}").status_code == 302
    assert client.get(f"/t/{first}").status_code == 404


def test_the_same_key_answers_the_same_link(api, person) -> None:
    first, again = (issue(api, person, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.content, again["Idempotent-Replay"]) == (again.content, "true")
    assert AuditEntry.objects.filter(verb="assignee.link_issued").count() == 1


def test_who_may_not_manage_makes_no_link(workspace, api_of, foreign_api, person) -> None:
    tools = [*(api_of(workspace, role) for role in ("moderator", "helper", "viewer")), foreign_api]
    answers = [issue(tool, person) for tool in tools]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 404]
    assert not any("link" in answer.json() for answer in answers)
    person.refresh_from_db()
    assert (person.link_digest, AuditEntry.objects.filter(verb="assignee.link_issued").exists()) == ("", False)


def test_an_archived_colleague_gets_no_link(api, person) -> None:
    services.archive_assignee(assignee=person, actor=SYSTEM, now=NOON)
    assert issue(api, person).status_code == 404


# --- the picture and the marks of a card -------------------------------------------------------------------


def test_a_picture_is_enough_for_a_card_and_is_told_again(api, workspace, person) -> None:
    image = kept_image(workspace)
    made = api.post("/api/v1/tasks/", CARD | {"assignee": person.pk, "image": image.pk})
    assert made.status_code == 201, made.content
    read = api.get(f"/api/v1/tasks/{made.json()['id']}/").json()
    assert (read["image"], read["file"], read["is_markdown"], read["text"]) == (image.pk, None, False, "")
    assert HumanTask.objects.get().image == image


def test_a_card_takes_marks(api, person) -> None:
    made = api.post("/api/v1/tasks/", CARD | {"assignee": person.pk, "text": "**快来**", "is_markdown": True})
    assert (made.status_code, made.json()["is_markdown"]) == (201, True)
    assert services.pieces_of("**快来**", is_markdown=HumanTask.objects.get().is_markdown) == ("快来",)


def test_the_file_of_a_message_stands_on_its_card(api, workspace, card) -> None:
    file = assets.store_file(ContentFile(b"%PDF-1.7", name="a.pdf"), workspace_id=workspace.pk)
    HumanTask.objects.filter(pk=card.pk).update(file=file)
    assert api.get(f"/api/v1/tasks/{card.pk}/").json()["file"] == file.pk


def test_neither_text_nor_picture_and_another_teams_picture_are_refused(api, person, stranger) -> None:
    foreign = kept_image(stranger.workspace)
    for wrong, field in (
        ({}, "text"),
        ({"image": None}, "text"),
        ({"image": foreign.pk}, "image"),
        ({"image": "x"}, "image"),
    ):
        answer = api.post("/api/v1/tasks/", CARD | {"assignee": person.pk} | wrong)
        assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not HumanTask.objects.exists()


@pytest.mark.parametrize("role", ["moderator", "helper", "viewer"])
def test_who_may_not_manage_makes_no_card_with_a_picture(workspace, api_of, person, role) -> None:
    body = CARD | {"assignee": person.pk, "image": kept_image(workspace).pk}
    assert api_of(workspace, role).post("/api/v1/tasks/", body).status_code == 403
    assert not HumanTask.objects.exists()
