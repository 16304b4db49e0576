"""Channels over REST: changed, tested, archived; what their platform can do, and their month."""

from datetime import timedelta

import pytest
from django.db import connection

from community_ops.common import clock
from community_ops.common.models import AuditEntry
from messaging.models import Connection, Delivery, Endpoint
from messaging.platforms import registry
from messaging.platforms.base import Outcome, Result
from messaging.policies import EXEMPTIONS
from tests.messaging.conftest import SECRET
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon(monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


def path(endpoint: Endpoint, action: str) -> str:
    return f"/api/v1/endpoints/{endpoint.pk}/{action}/"


def post(api, endpoint: Endpoint, action: str, **body):
    return api.post(path(endpoint, action), body, format="json")


# --- changed ---------------------------------------------------------------------------------------------


def test_what_is_left_out_stays_flags_and_secrets_too(api, hook) -> None:
    Endpoint.objects.update(drops_repeats=True)
    secret = Connection.objects.get().secret
    answer = post(api, hook, "change", name="新名字")
    assert (answer.status_code, answer.json()["name"], answer.json()["drops_repeats"]) == (200, "新名字", True)
    assert Connection.objects.get().secret == secret
    assert SECRET not in answer.content.decode()
    assert post(api, hook, "change", config={"drops_repeats": False}).json()["drops_repeats"] is False
    assert Endpoint.objects.get().name == "新名字"


def test_the_same_again_is_harmless(api, hook) -> None:
    for _twice in range(2):
        assert post(api, hook, "change", name="新名字", config={"secret": SECRET}).status_code == 200
    assert AuditEntry.objects.filter(verb="endpoint.changed").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"config": "x"}, "config"),
        ({"config": {"wings": 2}}, "config"),
        ({"config": {"url": "https://10.0.0.1/"}}, "config"),
        ({"config": {"secret": "whsec_???"}}, "config"),
    ],
)
def test_a_refused_change_names_the_field_and_changes_nothing(api, hook, body, field) -> None:
    before = (Endpoint.objects.get().name, Connection.objects.get().secret)
    answer = post(api, hook, "change", **body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert (Endpoint.objects.get().name, Connection.objects.get().secret) == before
    assert not AuditEntry.objects.filter(verb="endpoint.changed").exists()


@pytest.mark.parametrize("action", ["change", "archive"])
def test_a_channel_that_is_a_person_is_kept_with_her(api, person, action) -> None:
    answer = post(api, person.endpoint, action, name="x")
    assert (answer.status_code, answer.json()["code"]) == (409, "kept_with_person")
    assert answer.json()["extra"] == {"assignee": person.pk}
    assert (Endpoint.objects.get().name, Endpoint.objects.get().archived_at) == ("阿May", None)


# --- tested ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_test_is_sent_outside_any_transaction_whatever_key_comes_with_it(api, hook, monkeypatch) -> None:
    seen = []

    def send(message):
        seen.append(connection.in_atomic_block)
        return Result(Outcome.REFUSED, code="93000", text="invalid webhook url", http_status=200)

    monkeypatch.setattr(registry.get("webhook"), "send", send)
    for _ in range(2):
        answer = api.post(path(hook, "test"), headers={"Idempotency-Key": "k"})
        assert answer.json() == {
            "outcome": "refused", "code": "93000", "text": "invalid webhook url", "http_status": 200,
        }  # fmt: skip
    assert seen == [False, False]
    assert AuditEntry.objects.filter(verb="endpoint.tested").count() == 2


def test_a_room_needs_no_test(api, room) -> None:
    answer = post(api, room, "test")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert not AuditEntry.objects.filter(verb="endpoint.tested").exists()


# --- archived --------------------------------------------------------------------------------------------


def test_a_channel_is_archived_once_nothing_is_planned_for_it(api, room, plan, deliver) -> None:
    plan(room)
    answer = post(api, room, "archive")
    assert (answer.status_code, answer.json()["code"], answer.json()["extra"]) == (409, "endpoint_in_use", {"count": 1})
    assert Endpoint.objects.get().archived_at is None
    deliver()
    for _twice in range(2):
        assert post(api, room, "archive").status_code == 200
    assert Endpoint.objects.get().archived_at == NOON
    assert AuditEntry.objects.filter(verb="endpoint.archived").count() == 1
    assert {post(api, room, action).status_code for action in ("change", "test")} == {404}


# --- looked at -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", registry.names())
def test_what_a_platform_can_do_is_told_as_it_is_known(api, room, platform) -> None:
    Connection.objects.update(platform=platform)
    known, told = registry.get(platform).capabilities, api.get(path(room, "capabilities")).json()
    assert told["text"] == {"limit": known.text.limit, "unit": known.text.unit}
    abilities = ("can_", "does_")
    assert {name: told[name] for name in told if name.startswith(abilities)} == {
        name: getattr(known, name) for name in dir(known) if name.startswith(abilities)
    }
    assert [(one["count"], one["seconds"], one["scope"]) for one in told["limits"]] == [
        (one.count, one.seconds, one.scope) for one in known.limits
    ]
    assert (told["image"] is None, told["file"] is None) == (known.image is None, known.file is None)
    assert (told["evidence"], told["source"]) == (known.evidence, known.source)
    assert told["checked_on"] == (known.checked_on and known.checked_on.isoformat())


def test_a_month_has_every_day_up_to_today(api, room, plan) -> None:
    for state in ("accepted", "confirmed", "failed", "unknown"):
        Delivery.objects.filter(pk=plan(room, due_at=NOON - timedelta(days=1)).pk).update(state=state)
    days = api.get(path(room, "month")).json()
    assert [day["day"][-2:] for day in days] == [f"{number:02}" for number in range(1, NOON.day + 1)]
    assert days[-2] == {
        "day": (NOON - timedelta(days=1)).date().isoformat(), "accepted_count": 1, "confirmed_count": 1,
        "unsent_count": 1, "doubt_count": 1,
    }  # fmt: skip
    assert days[-1]["accepted_count"] == 0


def test_another_month_is_asked_for_by_name(api, room, plan) -> None:
    Delivery.objects.filter(pk=plan(room, due_at=NOON - timedelta(days=31)).pk).update(state="accepted")
    days = api.get(path(room, "month"), {"month": "2026-10"}).json()
    assert (len(days), sum(day["accepted_count"] for day in days)) == (31, 1)
    assert api.get(path(room, "month"), {"month": "2026-12"}).json() == []
    for wrong in ("2026-13", "0001-01", "10", "2026-10-01"):
        answer = api.get(path(room, "month"), {"month": wrong})
        assert (answer.status_code, *answer.json()) == (400, "month")


# --- who may ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["moderator", "helper", "viewer"])
def test_a_role_that_may_not_see_channels_is_refused(workspace, api_of, room, role) -> None:
    tool, before = api_of(workspace, role), Endpoint.objects.values().get()
    answers = [post(tool, room, action, name="x") for action in ("change", "test", "archive")]
    answers += [tool.get(path(room, action)) for action in ("capabilities", "month")]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "not_allowed")}
    assert Endpoint.objects.values().get() == before


def test_nobody_elses_channel_is_found(foreign_api, room) -> None:
    before = Endpoint.objects.values().get()
    answers = [post(foreign_api, room, action, name="x") for action in ("change", "test", "archive")]
    answers += [foreign_api.get(path(room, action)) for action in ("capabilities", "month")]
    assert {answer.status_code for answer in answers} == {404}
    assert Endpoint.objects.values().get() == before


@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_the_exemptions_are_told_to_everybody(workspace, api_of, client, role) -> None:
    told = api_of(workspace, role).get("/api/v1/exemptions/").json()
    assert [row["code"] for row in told] == list(EXEMPTIONS)
    assert all(row["why"] for row in told)
    assert client.get("/api/v1/exemptions/").status_code == 401
