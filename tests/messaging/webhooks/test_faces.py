"""Pages, REST, admin, Today and the log of webhooks: who sees what, and that a refusal changes nothing."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock
from community_ops.common.models import AuditEntry, IdempotencyRecord, JobPulse
from dashboard.needs import needs_in_short, watchdog
from messaging import tasks
from messaging.services import webhooks
from messaging.webhook_models import OffReason, WebhookCall, WebhookSubscription
from tests.factories.people import SYSTEM, make_person
from tests.messaging.webhooks.conftest import subscribe
from tests.moments import NOON

pytestmark = pytest.mark.django_db
URL = "https://tools.example/hook?key=in-the-address"
FORM = {"name": "记账", "url": URL, "everything": "on"}


@pytest.fixture
def made(workspace) -> WebhookSubscription:
    return subscribe(workspace, URL, name="记账")[0]


@pytest.fixture
def tested(made) -> WebhookCall:
    return webhooks.send_test(subscription=made, actor=SYSTEM, now=clock.now())


def page(name: str, workspace: Any, *args: int) -> str:
    return reverse(f"messaging:{name}", args=[workspace.slug, *args])


def contents() -> dict[str, list[Any]]:
    tables = (WebhookSubscription, WebhookCall, AuditEntry)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in tables}


def test_the_secret_is_shown_once_and_the_address_never(workspace, owner, signed_in) -> None:
    tab = signed_in(owner)
    answer = tab.post(page("webhook_new", workspace), FORM)
    made = WebhookSubscription.objects.get()
    key = made.secret["keys"][0]["key"]
    assert answer.status_code == 200
    assert key in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    pages = [page("webhooks", workspace), *(page(name, workspace, made.pk) for name in ("webhook", "webhook_edit"))]
    for url in pages:
        told = tab.get(url).content.decode()
        assert "tools.example" in told
        assert key not in told
        assert "in-the-address" not in told


def test_a_refused_form_shows_why_and_makes_nothing(workspace, owner, signed_in) -> None:
    tab = signed_in(owner)
    for wrong in (
        {"url": "http://tools.example/"},
        {"everything": ""},
        {"name": ""},
        {"everything": "", "events": "x"},
    ):
        answer = tab.post(page("webhook_new", workspace), FORM | wrong)
        assert answer.status_code == 422
        assert "field-errors" in answer.content.decode()
    assert not WebhookSubscription.objects.exists()


def test_the_form_offers_the_events_of_each_app_and_keeps_an_empty_address(workspace, owner, made, signed_in) -> None:
    tab = signed_in(owner)
    with translation.override("en"):
        told = tab.get(page("webhook_edit", workspace, made.pk), headers={"accept-language": "en"}).content.decode()
    for words in ("Messaging", "Convert", "An order was paid in time", "A member left a group"):
        assert words in told
    chosen = {"name": "新名", "url": "", "events": ["order.paid", "member.left"]}
    assert tab.post(page("webhook_edit", workspace, made.pk), chosen).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.events, made.secret["url"]) == ("新名", ["member.left", "order.paid"], URL)


def test_a_page_switches_tests_rotates_and_archives(workspace, owner, made, signed_in) -> None:
    tab = signed_in(owner)
    old = made.secret["keys"][0]["key"]
    for name in ("webhook_test", "webhook_off", "webhook_test", "webhook_on"):
        assert tab.post(page(name, workspace, made.pk)).status_code == 302
    assert WebhookCall.objects.count() == 1  # off, no test was queued
    told = tab.post(page("webhook_secret", workspace, made.pk)).content.decode()
    made.refresh_from_db()
    assert made.secret["keys"][0]["key"] in told
    assert old not in told
    assert tab.post(page("webhook_archive", workspace, made.pk)).status_code == 302
    assert tab.get(page("webhook", workspace, made.pk)).status_code == 404
    assert "tools.example" not in tab.get(page("webhooks", workspace)).content.decode()


def test_a_call_is_made_once_more_from_its_page(workspace, owner, made, tested, signed_in) -> None:
    tab = signed_in(owner)
    WebhookCall.objects.update(state="done", attempt_count=1)
    told = tab.get(page("webhook_call", workspace, tested.pk)).content.decode()
    assert "webhook.test" in told
    assert tested.webhook_id in told
    assert tab.post(page("webhook_again", workspace, tested.pk)).status_code == 302
    assert WebhookCall.objects.get().state == "pending"


def test_the_log_names_what_a_call_tells_of_with_the_way_there(workspace, owner, made, tested, signed_in) -> None:
    tab, english = signed_in(owner), {"Accept-Language": "en"}
    log = page("webhook", workspace, made.pk)

    def told(data: dict) -> tuple[str, str]:
        WebhookCall.objects.filter(pk=tested.pk).update(event="deliveries.ended", body=json.dumps({"data": data}))
        (row,) = tab.get(log, headers=english).context["calls"]
        return row["about"], row["about_url"]

    shown = page("delivery", workspace, 14)
    assert told({"deliveries": [14, 15, 16], "state": "failed"}) == ("Message #14 and 2 others", shown)
    assert f'<a href="{shown}">Message #14 and 2 others</a>' in tab.get(log, headers=english).content.decode()
    call = tab.get(page("webhook_call", workspace, tested.pk), headers=english).content.decode()
    assert f'<a href="{shown}">Message #14 and 2 others</a>' in call
    assert told({"deliveries": [14]}) == ("Message #14", shown)
    assert told({"order": 3, "member": 5}) == ("Order #3", "")
    assert told({}) == ("", "")


def test_the_log_comes_alone_when_it_is_asked_for_again(workspace, owner, made, tested, signed_in) -> None:
    tab = signed_in(owner)
    url = page("webhook", workspace, made.pk)
    assert "hx-trigger" in tab.get(url).content.decode()
    piece = tab.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece
    assert f"/webhooks/calls/{tested.pk}/" in piece


@pytest.mark.parametrize("role", ["moderator", "helper", "viewer"])
def test_other_roles_find_nothing_and_change_nothing(workspace, made, tested, signed_in, api_of, role) -> None:
    tab, tool, before = signed_in(make_person(workspace, role)), api_of(workspace, role), contents()
    for name in ("webhook_edit", "webhook_secret", "webhook_on", "webhook_off", "webhook_test", "webhook_archive"):
        assert tab.post(page(name, workspace, made.pk), FORM).status_code == 403
    assert tab.post(page("webhook_again", workspace, tested.pk)).status_code == 403
    assert tab.post(page("webhook_new", workspace), FORM).status_code == 403
    for url in (page("webhooks", workspace), page("webhook", workspace, made.pk)):
        assert tab.get(url).status_code == 403
    assert tab.get(page("webhook_call", workspace, tested.pk)).status_code == 403
    for path in ("webhooks/", f"webhooks/{made.pk}/", f"webhooks/{made.pk}/calls/", f"webhook-calls/{tested.pk}/"):
        assert tool.get(f"/api/v1/{path}").status_code == 403
    posts = [f"webhooks/{made.pk}/{name}/" for name in ("change", "switch-off", "rotate-secret", "test", "archive")]
    for path in ("webhooks/", *posts, f"webhook-calls/{tested.pk}/redeliver/"):
        answer = tool.post(f"/api/v1/{path}", {"name": "x", "url": URL, "events": ["*"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert contents() == before


def test_another_workspace_finds_nothing(workspace, made, tested, stranger, signed_in, foreign_api) -> None:
    tab, before = signed_in(stranger), contents()
    for space in (workspace, stranger.workspace):
        for name in ("webhook_edit", "webhook_secret", "webhook_on", "webhook_off", "webhook_test", "webhook_archive"):
            assert tab.post(page(name, space, made.pk), FORM).status_code == 404
        assert tab.post(page("webhook_again", space, tested.pk)).status_code == 404
    posts = [f"webhooks/{made.pk}/{name}/" for name in ("change", "switch-on", "switch-off", "rotate-secret", "test")]
    for path in (*posts, f"webhooks/{made.pk}/archive/", f"webhook-calls/{tested.pk}/redeliver/"):
        assert foreign_api.post(f"/api/v1/{path}").status_code == 404
    for path in (f"webhooks/{made.pk}/", f"webhooks/{made.pk}/calls/", f"webhook-calls/{tested.pk}/"):
        assert foreign_api.get(f"/api/v1/{path}").status_code == 404
    assert foreign_api.get("/api/v1/webhooks/").json()["results"] == []
    assert contents() == before


def test_rest_makes_changes_switches_and_archives(workspace, api) -> None:
    body = {"name": "记账", "url": URL, "events": ["order.paid"]}
    made = api.post("/api/v1/webhooks/", body)
    assert made.status_code == 201
    first = made.json()
    assert first["secret"].startswith("whsec_")
    path = f"/api/v1/webhooks/{first['id']}/"
    detail = api.get(path).json()
    assert detail == {key: value for key, value in first.items() if key != "secret"}
    assert (detail["host"], detail["events"], detail["is_on"]) == ("tools.example", ["order.paid"], True)
    assert api.get("/api/v1/webhooks/").json()["results"] == [detail]
    assert api.post(f"{path}change/", {"events": ["*"]}).json() == detail | {"events": ["*"]}
    assert api.post(f"{path}switch-off/").json()["off_reason"] == "by_hand"
    refused = api.post(f"{path}test/")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    assert api.post(f"{path}switch-on/").json()["is_on"] is True
    second = api.post(f"{path}rotate-secret/").json()["secret"]
    assert second.startswith("whsec_")
    assert second != first["secret"]
    assert api.post(f"{path}archive/").json()["is_on"] is False
    assert api.get(path).status_code == 404
    assert api.delete(path).status_code == 405


def test_rest_tells_of_calls_and_repeats_them(workspace, api, made) -> None:
    queued = api.post(f"/api/v1/webhooks/{made.pk}/test/")
    assert queued.status_code == 202
    assert api.get(f"/api/v1/webhooks/{made.pk}/calls/").json()["results"] == [queued.json()]
    WebhookCall.objects.update(state="done", attempt_count=1)
    path = f"/api/v1/webhook-calls/{queued.json()['id']}/"
    assert api.post(f"{path}redeliver/").json()["state"] == "pending"
    detail = api.get(path).json()
    assert (detail["tries"], detail["webhook_id"], detail["webhook"]) == ([], queued.json()["webhook_id"], made.pk)
    assert f'"id":"{detail["webhook_id"]}"' in detail["body"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("url", {"url": "https://192.168.1.1/"}),
        ("url", {"url": 5}),
        ("events", {"events": ["order.eaten"]}),
        ("events", {"events": []}),
        ("events", {"events": "order.paid"}),
        ("events", {"events": [["order.paid"]]}),
        ("name", {"name": ""}),
        ("name", {"name": 7}),
    ],
)
def test_rest_refuses_what_cannot_work_naming_the_field(api, made, field, wrong) -> None:
    before = contents()
    for path in ("webhooks/", f"webhooks/{made.pk}/change/"):
        answer = api.post(f"/api/v1/{path}", {"name": "x", "url": URL, "events": ["*"]} | wrong)
        assert (answer.status_code, list(answer.json())) == (400, [field])
    assert contents() == before


def test_a_stored_answer_is_given_again_and_its_secret_is_not_readable_in_the_database(api) -> None:
    body, headers = {"name": "记账", "url": URL, "events": ["*"]}, {"HTTP_IDEMPOTENCY_KEY": "once"}
    first, again = (api.post("/api/v1/webhooks/", body, **headers) for _ in range(2))
    assert (again.content, again["Idempotent-Replay"]) == (first.content, "true")
    assert WebhookSubscription.objects.count() == 1
    assert b"whsec_" not in bytes(IdempotencyRecord.objects.get().answer)


@pytest.mark.parametrize("reason", [OffReason.GONE, OffReason.FAILING])
def test_today_says_that_one_was_switched_off_by_itself(workspace, owner, made, reason) -> None:
    webhooks.switch_off(subscription=made, reason=reason, actor=SYSTEM, now=NOON)
    with translation.override("en"):
        (need,) = needs_in_short(owner.actor, workspace.slug, now=NOON).lines
    assert (need.label, need.url) == ("Webhook switched off", page("webhook", workspace, made.pk))
    assert need.text.startswith("记账: ")
    assert needs_in_short(make_person(workspace, "moderator").actor, workspace.slug, now=NOON).lines == []
    webhooks.switch_on(subscription=made, actor=SYSTEM, now=NOON)
    assert needs_in_short(owner.actor, workspace.slug, now=NOON).lines == []


def test_today_is_silent_about_one_that_a_person_switched_off(workspace, owner, made) -> None:
    webhooks.switch_off(subscription=made, actor=SYSTEM, now=NOON)
    assert needs_in_short(owner.actor, workspace.slug, now=NOON).lines == []


def test_the_watchdog_knows_the_jobs(db) -> None:
    for job in (tasks.call_webhooks, tasks.tidy_webhooks):
        for _ in range(2):
            job()
    assert set(JobPulse.objects.values_list("name", flat=True)) == {"call_webhooks", "tidy_webhooks"}
    with translation.override("en"):
        assert {job.label for job in watchdog()} == {"Telling other tools (webhooks)", "Forgetting old webhook calls"}


def test_pages_and_rest_ask_as_many_questions_for_one_as_for_twenty(workspace, owner, made, signed_in, api) -> None:
    tab = signed_in(owner)

    def asked() -> list[int]:
        counts = []
        for client, url in (
            (tab, page("webhooks", workspace)),
            (tab, page("webhook", workspace, made.pk)),
            (api, "/api/v1/webhooks/"),
            (api, f"/api/v1/webhooks/{made.pk}/calls/"),
        ):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            counts.append(len(queries))
        return counts

    webhooks.send_test(subscription=made, actor=SYSTEM, now=NOON)
    asked()  # sessions and tokens are warm
    for_one = asked()
    for _ in range(19):
        subscribe(workspace, URL)
        webhooks.send_test(subscription=made, actor=SYSTEM, now=NOON)
    assert asked() == for_one


def test_the_admin_hides_the_secret_and_makes_a_call_once_more(workspace, owner, made, tested, signed_in) -> None:
    tab = signed_in(owner)
    key = made.secret["keys"][0]["key"]
    told = tab.get(reverse("admin:messaging_webhooksubscription_change", args=[made.pk])).content.decode()
    assert "tools.example" in told
    assert key not in told
    assert "in-the-address" not in told
    WebhookCall.objects.update(state="given_up", attempt_count=3)
    tab.post(
        reverse("admin:messaging_webhookcall_changelist"), {"action": "redeliver", "_selected_action": [tested.pk]}
    )
    assert WebhookCall.objects.get().state == "pending"
    assert AuditEntry.objects.get(verb="webhook.call_repeated").actor_label == owner.user.label
