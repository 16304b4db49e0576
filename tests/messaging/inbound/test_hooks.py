"""POST /hooks/<code>/: who is let in, what is turned away, and that a refusal changes nothing."""

import logging
import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.http.request import UnreadablePostError
from django.test import Client

from community_ops.common import clock, dbtime
from community_ops.common.models import OutboxEvent
from messaging.inbound_models import InboundRoute, RawEvent
from messaging.inbound_policies import MAX_BODY_BYTES
from messaging.platforms.inbound import HookCall
from messaging.platforms.signed_events import SignedEvents
from messaging.services import receiving
from tests.factories.people import SYSTEM
from tests.log_lines import written
from tests.messaging.inbound.conftest import Sender, raw, said
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db


def refused(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_event_is_stored_as_it_came_and_answered(sender, opened) -> None:
    answer = sender.send(said("在吗？🎉"))
    assert (answer.status_code, answer.json()) == (200, {"stored": True})
    event = RawEvent.objects.get()
    assert ('"在吗？🎉"' in event.body, event.external_id, event.state) == (True, "msg_1", "pending")
    assert InboundRoute.objects.get().last_event_at is not None


def test_a_redelivery_is_a_yes_that_changes_nothing(sender) -> None:
    sender.send(said())
    answer = sender.send(said())
    assert (answer.status_code, answer.json()) == (200, {"stored": False})
    assert RawEvent.objects.count() == 1


def test_a_known_id_with_another_body_is_409(sender) -> None:
    sender.send(said())
    assert refused(sender.send(said("别的"))) == (409, "other_body")
    assert "早上好" in RawEvent.objects.get().body


@pytest.mark.parametrize(
    "changes",
    [
        {"signed": "v1,AAAA"},
        {"signed": "v0,AAAA"},
        {"signed": ""},
        {"signed": None},
        {"timestamp": "soon"},
        {"timestamp": "9" * 30},
        {"timestamp": "9" * 12},
        {"timestamp": "0"},
        {"timestamp": "²"},
        {"code": "nobodys-code-nobodys-c"},
        {"code": "%00"},
        {"code": "晨跑"},
    ],
)
def test_what_is_not_proved_is_the_same_401_and_stores_nothing(sender, changes) -> None:
    answer = sender.send(said(), **changes)
    expected = {"code": "unauthorized", "message": "The call could not be verified.", "extra": {}}
    assert (answer.status_code, answer.json()) == (401, expected)
    assert not RawEvent.objects.exists()


@pytest.mark.parametrize(("minutes", "status"), [(-6, 401), (-4, 200), (4, 200), (6, 401)])
def test_a_signature_is_good_for_five_minutes(sender, minutes, status) -> None:
    at = dbtime.now() + timedelta(minutes=minutes)
    assert sender.send(said(), timestamp=int(at.timestamp())).status_code == status


def test_a_body_that_was_changed_on_the_way_is_401(sender) -> None:
    import json

    from messaging.platforms.signing import signature, signing_key

    timestamp = int(dbtime.now().timestamp())
    signed = signature(signing_key(sender.key), "msg_1", str(timestamp), json.dumps(said()).encode())
    assert refused(sender.send(said("改过的"), signed=signed, timestamp=timestamp)) == (401, "unauthorized")


def test_the_published_example_of_the_scheme_is_accepted() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: the key and call of its reference tests."""
    from datetime import UTC, datetime

    call = HookCall(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        datetime.fromtimestamp(1614265330, UTC),
    )
    SignedEvents().authenticate(call, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>'


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"x"', b"{", b'{"a": NaN}', b"\xff\xfe", BOMB, b"[" * 90_000, b'{"a":"\\ud83c"}']
)
def test_what_is_no_json_object_is_400_even_when_it_is_signed(sender, body) -> None:
    assert refused(sender.send(None, body=body)) == (400, "not_json")
    assert not RawEvent.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": None}, "kind"),
        ({"kind": 7}, "kind"),
        ({"occurred_at": "2026-11-21T12:00:00"}, "occurred_at"),
        ({"occurred_at": 1763726400}, "occurred_at"),
        ({"author": ""}, "author"),
        ({"author": "x" * 201}, "author"),
        ({"author_name": ["x"]}, "author_name"),
        ({"text": ["x"]}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"chat": {"id": 1}}, "chat"),
    ],
)
def test_a_field_that_cannot_be_read_is_named_and_nothing_is_stored(sender, changes, field) -> None:
    answer = sender.send(said(**changes))
    assert refused(answer) == (400, "bad_fields")
    assert answer.json()["extra"]["field"].startswith(field)
    assert not RawEvent.objects.exists()


def test_over_256_kb_is_413_before_anything_is_looked_at(sender) -> None:
    assert refused(sender.send(said(), body=b"x" * (MAX_BODY_BYTES + 1), signed="v1,AAAA")) == (413, "too_large")
    assert (RawEvent.objects.count(), InboundRoute.objects.get().refused_reason) == (0, "too_large")


def test_256_kb_themselves_are_taken(sender) -> None:
    start = b'{"kind":"message","occurred_at":"2026-11-21T12:00:00Z","author":"u","filler":"'
    body = start + b"x" * (MAX_BODY_BYTES - len(start) - 2) + b'"}'
    assert sender.send(None, body=body).status_code == 200


def test_a_body_in_chunks_is_411_for_everybody(client, sender) -> None:
    for code in (sender.code, "nobody"):
        answer = client.post(f"/hooks/{code}/", headers={"Transfer-Encoding": "chunked"})
        assert refused(answer) == (411, "needs_length")


@pytest.mark.parametrize("length", ["²", "9" * 5000, "262145"])
def test_an_odd_length_is_no_fault_of_ours(client, sender, length) -> None:
    answer = client.generic("POST", f"/hooks/{sender.code}/", b"{}", CONTENT_LENGTH=length)
    assert answer.status_code in (401, 413)


def test_a_body_that_breaks_off_is_400(sender, monkeypatch) -> None:
    def fail(*_):
        raise UnreadablePostError

    monkeypatch.setattr("django.core.handlers.wsgi.WSGIRequest.read", fail)
    assert refused(sender.send(said())) == (400, "broken_off")


@pytest.mark.parametrize(
    ("field", "count", "status"),
    [
        *((field, 31_000, 400) for field in ("text", "author", "author_name", "event_id", "chat", "kind")),
        ("text", 4_500, 200),  # short enough to be taken: the marks are cut
        ("author", 90, 400),
    ],
)
def test_marks_piled_on_one_letter_are_never_normalised(sender, field, count, status, monkeypatch) -> None:
    """Putting 62,000 marks into their order takes 17 s; a letter of a language has a few."""
    real, longest = unicodedata.normalize, []

    def watched(form, value):
        longest.append(max((len(run) for run in re.findall("[\u0301\u0323]+", value)), default=0))
        return real(form, value)

    monkeypatch.setattr(unicodedata, "normalize", watched)
    assert sender.send(said(**{field: "a" + "\u0301" * count + "\u0323" * count})).status_code == status
    assert max(longest, default=0) <= 30


def test_what_people_write_is_kept_though_nobody_sees_it(sender, group, read) -> None:
    """A number copied from a phone's contacts, Arabic, a new emoji, a name of 200 signs."""
    text = "\u202d13800138000\u202c hi\u200e \U0001faea"
    assert sender.send(said(text, author_name="长" * 200)).status_code == 200
    read()
    from members.models import Member
    from messaging.models import InboundEvent

    assert (InboundEvent.objects.get().text, Member.objects.get().display_name) == (text, "长" * 100)


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_post_is_answered_whoever_asks(client, sender, method) -> None:
    for code in (sender.code, "nobody"):
        assert getattr(client, method)(f"/hooks/{code}/").status_code == 405


def test_an_address_without_its_slash_works_too(client, sender) -> None:
    assert client.post(f"/hooks/{sender.code}", data=b"{}", content_type="application/json").status_code == 401


def test_a_route_that_is_off_looks_like_none(sender, opened) -> None:
    receiving.close_route(route=opened[0], actor=SYSTEM, now=NOON)
    assert refused(sender.send(said())) == (401, "unauthorized")
    assert not RawEvent.objects.exists()


def test_a_former_key_is_good_for_a_day(sender, opened) -> None:
    new = receiving.rotate_key(route=opened[0], actor=SYSTEM, now=clock.now())
    assert sender.send(said()).status_code == 200
    sender.key = new
    assert sender.send(said(), identity="m2").status_code == 200


def test_a_former_key_ends(sender, opened) -> None:
    old = sender.key
    sender.key = receiving.rotate_key(route=opened[0], actor=SYSTEM, now=clock.now() - timedelta(hours=25))
    assert sender.send(said()).status_code == 200
    sender.key = old
    assert sender.send(said(), identity="msg_2").status_code == 401


def test_closing_ends_every_key(sender, opened, room) -> None:
    receiving.close_route(route=opened[0], actor=SYSTEM, now=NOON)
    receiving.open_route(connection=room.connection, actor=SYSTEM, now=NOON)
    assert sender.send(said()).status_code == 401


def test_why_a_call_was_turned_away_is_noted_at_most_every_ten_seconds(sender, opened) -> None:
    sender.send(said(), signed="v1,AAAA")
    first = InboundRoute.objects.get()
    sender.send(said(), timestamp=1)
    again = InboundRoute.objects.get()
    assert (first.refused_reason, again.refused_reason, again.refused_at) == (
        "signature",
        "signature",
        first.refused_at,
    )


def test_an_archived_workspace_hears_nothing(sender, workspace) -> None:
    type(workspace).objects.filter(pk=workspace.pk).update(archived_at=NOON)
    assert sender.send(said()).status_code == 401


def test_no_key_and_no_code_is_in_a_log_line_or_an_answer(sender, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        sender.send(said()),
        sender.send(said(), signed="v1,AAAA", identity="m2"),
        sender.send([], identity="m3"),
    ]
    words = caplog.text + "".join(answer.content.decode() for answer in answers)
    assert sender.key not in words
    assert sender.code not in words


def test_a_database_that_is_away_is_503_so_that_the_sender_tries_again(sender, monkeypatch) -> None:
    def fail(**_facts):
        raise OperationalError

    monkeypatch.setattr("messaging.hook_views.dbtime.now", fail)
    with written() as lines:
        answer = sender.send(said(), timestamp=1)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "Service Unavailable: /hooks/***/" in lines.getvalue()
    for secret in (sender.code, sender.key):
        assert secret not in lines.getvalue() + answer.content.decode()


def test_the_answer_waits_for_nothing_but_the_storing(sender) -> None:
    """benchmarks/hooks.py says how long it takes."""
    sender.send(said())
    assert (raw(), OutboxEvent.objects.count()) == ([("pending", "", 0)], 0)


def six_at_once(sender: Sender, identity: str) -> list:
    """The answers to one event that comes over six connections at the same moment."""
    timestamp = int(dbtime.now().timestamp())

    def deliver() -> dict:
        return Sender(Client(), sender.code, sender.key).send(said(), identity=identity, timestamp=timestamp).json()

    return at_once([deliver] * 6)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_event_delivered_six_times_at_once_is_stored_once(sender) -> None:
    assert sorted(answer["stored"] for answer in six_at_once(sender, "msg_1")) == [False] * 5 + [True]
    assert RawEvent.objects.count() == 1


@pytest.fixture
def without_replay_key(transactional_db) -> Iterator[None]:
    """The table without the constraint that knows an id again."""
    key = next(one for one in RawEvent._meta.constraints if one.name == "raw_event_once")
    with connection.schema_editor() as editor:
        editor.remove_constraint(RawEvent, key)
    try:
        yield
    finally:
        RawEvent.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(RawEvent, key)


@pytest.mark.postgres
def test_the_twin_without_the_key_stores_one_event_more_than_once(sender, without_replay_key) -> None:
    """The same race, in which nothing but the look before the insert is left: proof that the test above can fail."""
    for number in range(20):
        six_at_once(sender, f"msg_{number}")
        if RawEvent.objects.filter(external_id=f"msg_{number}").count() > 1:
            return
    pytest.fail("Every event was stored once: there was no race.")
