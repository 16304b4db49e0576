"""What a channel's page says: its budget at this moment, its month, and what its platform can do."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock, dbtime
from messaging import capability_words, wording
from messaging.models import Delivery, Endpoint, SendBudget, SendSlot
from messaging.platforms import registry
from messaging.platforms.base import Capabilities, Limit, Outcome, Result, Scope, Size, Unit
from messaging.selectors import cooldown_of, month_of
from messaging.services import limits
from messaging.services.limits import LimitUse
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
SHANGHAI = "Asia/Shanghai"
TOO_FAST = Result(Outcome.RETRY, is_too_fast=True, retry_after_seconds=90)


@pytest.fixture(autouse=True)
def in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def shown(signed_in, owner, workspace):
    """A channel's page as its owner reads it."""

    def read(endpoint) -> str:
        address = reverse("messaging:endpoint_edit", args=[workspace.slug, endpoint.pk])
        return signed_in(owner).get(address, headers={"Accept-Language": "en"}).content.decode()

    return read


# --- its budget ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "14 of 20 used in this second"),
        (60, "14 of 20 used in this minute"),
        (3_600, "14 of 20 used in this hour"),
        (86_400, "14 of 20 used in the last 24 hours"),
        (7 * 86_400, "14 of 20 used in the last 7 days"),
        (30 * 86_400, "14 of 20 used in the last 30 days"),
        (31 * 86_400, "14 of 20 used in the last 31 days"),
        (90, "14 of 20 used in the last 1 minute 30 seconds"),
    ],
)
def test_what_is_used_is_a_sentence(seconds, words) -> None:
    use = LimitUse(Limit(20, seconds, Scope.CONNECTION), 14, is_own=False)
    assert wording.limit_words(use, registry.get("wecom_robot").capabilities)["used"] == words


def test_the_page_counts_the_calls_of_this_minute(shown, robot) -> None:
    budget = SendBudget.objects.create(
        workspace=robot.workspace, scope="connection", scope_id=robot.connection.identity_id
    )
    for _ in range(14):
        SendSlot.objects.create(workspace=robot.workspace, budget=budget, started_at=dbtime.now())
    assert "14 of 20 used in this minute" in shown(robot)


def test_an_account_that_cools_down_says_until_when(shown, robot, workspace) -> None:
    assert "asked to wait" not in shown(robot)
    limits.cool_down(robot, TOO_FAST, db_now=dbtime.now())
    until = SendBudget.objects.get().cooldown_until
    assert cooldown_of(robot) == until
    words = wording.cooldown_words(until, zone=SHANGHAI)
    assert words == f"The platform asked to wait: nothing goes out here before {until + timedelta(hours=8):%H:%M:%S}."
    assert words in shown(robot)
    other = make_endpoint(workspace, "wecom_robot", key="another-key-of-another-robot")
    assert cooldown_of(other) is None


def test_a_cooldown_that_is_over_is_not_told(robot) -> None:
    limits.cool_down(robot, TOO_FAST, db_now=dbtime.now() - timedelta(seconds=91))
    assert cooldown_of(robot) is None
    assert wording.cooldown_words(None, zone=SHANGHAI) == ""


# --- its month -------------------------------------------------------------------------------------------


def days_of(endpoint) -> dict[int, tuple[int, ...]]:
    """Of November up to the 21st, the days with something: accepted, confirmed by a person, unsent, in doubt."""
    found = month_of(endpoint, today=NOON.date(), zone=SHANGHAI)
    assert [day.day.day for day in found] == list(range(1, 22))
    counts = {
        day.day.day: (day.accepted_count, day.confirmed_count, day.unsent_count, day.doubt_count) for day in found
    }
    return {day: numbers for day, numbers in counts.items() if any(numbers)}


def ended(plan, endpoint, state: str, due_at: datetime = NOON) -> None:
    Delivery.objects.filter(pk=plan(endpoint, due_at=due_at).pk).update(state=state)


def test_each_end_is_counted_where_it_belongs(plan, room) -> None:
    for state in ("accepted", "confirmed", "failed", "expired", "unknown"):
        ended(plan, room, state)
    for state in ("planned", "sending", "waiting", "cancelled"):
        ended(plan, room, state)
    assert days_of(room) == {21: (1, 1, 2, 1)}


def test_a_day_is_that_of_the_zone_and_the_month_begins_there(plan, room) -> None:
    ended(plan, room, "accepted", datetime(2026, 10, 31, 15, 59, tzinfo=UTC))  # the last minute of October there
    ended(plan, room, "accepted", datetime(2026, 10, 31, 16, 0, tzinfo=UTC))
    ended(plan, room, "failed", datetime(2026, 11, 20, 16, 0, tzinfo=UTC))
    assert days_of(room) == {1: (1, 0, 0, 0), 21: (0, 0, 1, 0)}


def test_an_earlier_month_has_all_its_days_and_nothing_of_its_neighbours(plan, room) -> None:
    ended(plan, room, "failed", datetime(2026, 9, 30, 15, 59, tzinfo=UTC))  # the last minute of September there
    ended(plan, room, "accepted", datetime(2026, 9, 30, 16, 0, tzinfo=UTC))
    ended(plan, room, "unknown", datetime(2026, 10, 31, 15, 59, tzinfo=UTC))
    ended(plan, room, "failed", datetime(2026, 10, 31, 16, 0, tzinfo=UTC))
    found = month_of(room, today=NOON.date(), zone=SHANGHAI, month=date(2026, 10, 9))
    assert [day.day.day for day in found] == list(range(1, 32))
    assert sum(day.unsent_count for day in found) == 0
    assert (found[0].accepted_count, found[-1].doubt_count) == (1, 1)
    assert month_of(room, today=NOON.date(), zone=SHANGHAI, month=date(2026, 12, 1)) == []


@pytest.mark.parametrize(
    ("asked", "days", "ways"),
    [
        ("", 21, ["2026-10"]),
        ("2026-10", 31, ["2026-09", "2026-11"]),
        ("2026-09", 30, ["2026-10"]),  # the channel is of that month
        ("2026-08", 21, ["2026-10"]),
        ("2026-12", 21, ["2026-10"]),
        ("x", 21, ["2026-10"]),
        ("0000-00", 21, ["2026-10"]),
    ],
)
def test_the_channels_page_leads_from_month_to_month(signed_in, owner, room, monkeypatch, asked, days, ways) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    Endpoint.objects.update(created_at=datetime(2026, 9, 12, tzinfo=UTC))
    address = reverse("messaging:endpoint_edit", args=[room.workspace.slug, room.pk])
    page = signed_in(owner).get(address, {"month": asked}, headers={"accept-language": "en"})
    assert len(page.context["month"]["labels"]) == days
    links = re.findall(r'href="\?month=(\d{4}-\d\d)#month"', page.content.decode())
    assert links == ways
    assert ("in October 2026?" in page.context["month"]["question"]) is (asked == "2026-10")


def test_a_month_is_one_channels_and_costs_one_query(plan, room, hook, django_assert_num_queries) -> None:
    ended(plan, hook, "accepted")
    with django_assert_num_queries(1):
        assert days_of(room) == {}
    assert days_of(hook) == {21: (1, 0, 0, 0)}


def test_on_the_first_a_month_has_one_day(room) -> None:
    assert len(month_of(room, today=NOON.date().replace(day=1), zone=SHANGHAI)) == 1


# --- its platform ----------------------------------------------------------------------------------------


def told(known: Capabilities) -> dict[str, str]:
    return {fact["label"]: fact["value"] for fact in capability_words.facts(known)}


NOT_YET = "the platform can; this system does not do it yet, a person does it"
BY_APP = "a group robot cannot; an app of the platform could, this system is none: a person does it"
TOLD = "another tool has to tell us (Receive)"


@pytest.mark.parametrize(
    ("platform", "read", "kick", "mute", "recall"),
    [
        ("telegram", "yes", NOT_YET, NOT_YET, NOT_YET),
        ("discord", "yes", NOT_YET, NOT_YET, NOT_YET),
        ("slack", f"the platform can; this system does not do it yet, {TOLD}", NOT_YET, "no", NOT_YET),
        ("feishu_robot", TOLD, BY_APP, "no, a person does it", BY_APP),
        ("wecom_robot", TOLD, "no, a person does it", "no, a person does it", "no, a person does it"),
        ("email", "no", "no", "no", "no"),
    ],
)
def test_what_a_platform_could_do_and_what_is_done_are_told_apart(platform, read, kick, mute, recall) -> None:
    adapter = registry.get(platform)
    facts = {fact["label"]: fact["value"] for fact in capability_words.facts(adapter.capabilities, adapter.inbound)}
    labels = ("Read what is written there", "Remove somebody", "Mute somebody", "Recall a message")
    assert [facts[label] for label in labels] == [read, kick, mute, recall]


def test_nothing_is_done_that_a_platform_cannot_do() -> None:
    for platform in registry.names():
        known = registry.get(platform).capabilities
        for name in ("read", "kick", "mute", "recall"):
            assert getattr(known, f"can_{name}") or not getattr(known, f"does_{name}")
    assert {one for one in registry.names() if registry.get(one).capabilities.does_read} == {
        "sandbox", "telegram", "discord",
    }  # fmt: skip


@pytest.mark.parametrize("platform", registry.names())
def test_every_platform_is_told_with_its_source(platform) -> None:
    known = registry.get(platform).capabilities
    facts = told(known)
    assert all(facts.values())
    assert {"One text", "Picture", "File", "Link card", "Welcome newcomers", "“Accepted” rests on"} <= facts.keys()
    day = known.checked_on.isoformat() if known.checked_on else ""
    assert (known.source in facts["Source"], day in facts["Source"]) == (True, True)


@pytest.mark.parametrize(("platform", "words"), [("webhook", "another tool has to tell us"), ("telegram", "yes")])
def test_who_tells_what_is_written_is_said(platform, words) -> None:
    adapter = registry.get(platform)
    facts = {fact["label"]: fact["value"] for fact in capability_words.facts(adapter.capabilities, adapter.inbound)}
    assert facts["Read what is written there"].startswith(words)


def test_words_of_ours_are_said_in_the_readers_language(monkeypatch) -> None:
    monkeypatch.setattr(capability_words, "_", lambda words: f"<{words}>")
    for platform in ("sandbox", "webhook"):
        known = registry.get(platform).capabilities
        assert capability_words._source(known) == f"<{known.source}>"


def test_files_and_link_cards_are_told_where_a_platform_takes_them() -> None:
    facts = told(registry.get("wecom_robot").capabilities)
    assert (facts["File"], facts["Link card"]) == ("yes, up to 20 MB", "yes")
    facts = told(registry.get("discord").capabilities)
    assert (facts["File"], facts["Link card"]) == (
        "no, a message with a file is not sent",
        "no, its words go out below the text",
    )


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (Size(2_048, Unit.BYTES), "up to 2,048 bytes"),
        (Size(4_000, Unit.CHARACTERS), "up to 4,000 characters"),
        (Size(4_096, Unit.UTF16), "up to 4,096 characters (an emoji counts two)"),
    ],
)
def test_a_size_has_its_unit(size, words) -> None:
    assert capability_words.size_words(size) == words
    assert told(Capabilities(text=size, markdown=size))["One text"] == words


def test_marks_have_a_line_of_their_own_where_their_size_is_another() -> None:
    small, large = Size(100, Unit.BYTES), Size(200, Unit.BYTES)
    assert "One text with marks" not in told(Capabilities(text=small, markdown=small))
    assert told(Capabilities(text=small, markdown=large))["One text with marks"] == "up to 200 bytes"
    assert told(Capabilities(text=small))["Bold, links, headings"] == "no, they arrive as plain words"


def test_the_page_lists_what_the_platform_can_do(shown, robot) -> None:
    page = unescape(shown(robot))
    for label, value in told(registry.get("wecom_robot").capabilities).items():
        assert f"<dt>{label}</dt>" in page
        assert value in page or label == "Source"
