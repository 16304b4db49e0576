"""Playbook runs over REST, and stopping one: there and on its page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from campaigns import services
from campaigns.models import PlaybookRun
from community_ops.accounts.models import Workspace
from community_ops.common.models import AuditEntry
from groups import services as groups
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import HTMX, Page, SignIn, Start, text_of
from tests.factories.people import SYSTEM, Someone, make_person
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon", "in_english")]
URL = "/api/v1/playbook-runs/"
STOP = 'data-dialog-open="dialog-stop"'
ACTIONS = ["pause", "resume", "stop"]


def post(api: APIClient, run: PlaybookRun, action: str) -> Any:
    return api.post(f"{URL}{run.pk}/{action}/")


def states() -> set[tuple[str, str]]:
    return set(Delivery.objects.values_list("state", "reason"))


# --- read --------------------------------------------------------------------------------------------


def test_a_run_is_told_with_its_groups_and_where_it_stands(
    api: APIClient, start: Start, group: ChatGroup, second_group: ChatGroup
) -> None:
    run = start(group, second_group)
    (told,) = api.get(URL).json()["results"]
    assert told == api.get(f"{URL}{run.pk}/").json()
    assert told | {"created_at": "", "playbook_name": ""} == {
        "id": run.pk, "playbook": run.playbook_id, "playbook_name": "", "label": "羊毛衫限时抢购",
        "subject_kind": "flash_sale", "subject_id": 1, "groups": [group.pk, second_group.pk],
        "starts_at": run.starts_at.isoformat().replace("+00:00", "Z"),
        "ends_at": run.ends_at.isoformat().replace("+00:00", "Z"),
        "state": "planned", "paused_at": None, "stopped_at": None, "stop_reason": "", "created_at": "",
    }  # fmt: skip


@pytest.mark.parametrize(("hours", "state"), [(-1, "planned"), (0, "running"), (2, "finished")])
def test_its_state_is_that_of_this_moment(
    api: APIClient, start: Start, monkeypatch: pytest.MonkeyPatch, hours: int, state: str
) -> None:
    run = start()
    monkeypatch.setattr("community_ops.common.clock.now", lambda: run.starts_at + timedelta(hours=hours))
    assert api.get(f"{URL}{run.pk}/").json()["state"] == state


def test_the_list_asks_as_often_for_one_as_for_twenty(api: APIClient, start: Start) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            api.get(URL)
        return len(asked)

    start(subject_id=1)
    queries()  # the first one notes that the token was used
    few = queries()
    for number in range(2, 21):
        start(subject_id=number)
    assert queries() == few
    assert len(api.get(URL).json()["results"]) == 20


def test_a_helper_sees_the_runs_and_groups_that_are_hers(
    helper: Someone, start: Start, group: ChatGroup, second_group: ChatGroup
) -> None:
    run = start(group, second_group)

    def tool() -> APIClient:
        client = APIClient()
        client.force_authenticate(user=AnonymousUser(), token=helper.actor)
        return client

    assert tool().get(URL).json()["results"] == []
    assert tool().get(f"{URL}{run.pk}/").status_code == 404
    groups.assign_staff(group=second_group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    assert [told["groups"] for told in tool().get(URL).json()["results"]] == [[second_group.pk]]
    assert post(tool(), run, "stop").status_code == 403


# --- paused, resumed, stopped ------------------------------------------------------------------------


def test_a_tool_pauses_and_resumes_a_run_as_often_as_it_likes(api: APIClient, start: Start) -> None:
    run = start()
    for _twice in range(2):
        paused = post(api, run, "pause")
        assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert states() == {("planned", "paused")}
    for _twice in range(2):
        assert post(api, run, "resume").json()["paused_at"] is None
    assert states() == {("planned", "")}
    assert AuditEntry.objects.filter(verb__in=["run.paused", "run.resumed"]).count() == 2


def test_a_tool_stops_a_run_once_and_for_good(api: APIClient, start: Start) -> None:
    run = start()
    for _twice in range(2):
        stopped = post(api, run, "stop")
        assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
        assert stopped.json()["stop_reason"] == "run_stopped"
    assert states() == {("cancelled", "run_stopped")}
    assert AuditEntry.objects.filter(verb="run.stopped").count() == 1
    for action in ("pause", "resume"):
        answer = post(api, run, action)
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_what_has_gone_out_cannot_be_paused(api: APIClient, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start()
    Delivery.objects.update(state="accepted")
    monkeypatch.setattr("community_ops.common.clock.now", lambda: run.ends_at)
    answer = post(api, run, "pause")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert PlaybookRun.objects.get().paused_at is None


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_not_send_changes_no_run(
    api_of: Callable[..., APIClient], foreign_api: APIClient, workspace: Workspace, start: Start, action: str
) -> None:
    run, before = start(), PlaybookRun.objects.values().get()
    for role in ("moderator", "viewer"):
        assert post(api_of(workspace, role), run, action).status_code == 403
        assert api_of(workspace, role).get(f"{URL}{run.pk}/").status_code == 200
    assert post(foreign_api, run, action).status_code == 404
    assert PlaybookRun.objects.values().get() == before
    assert states() == {("planned", "")}


# --- on its page -------------------------------------------------------------------------------------


def test_stopping_is_asked_about_first_and_says_whom_it_touches(page: Page, start: Start, group: ChatGroup) -> None:
    shown = text_of(page(f"runs/{start().pk}/"))
    assert STOP in shown
    dialog = shown.partition('<dialog class="dialog" id="dialog-stop"')[2].partition("</dialog>")[0]
    for words in ("Stop this playbook run?", "cancelled for good", "Still to go</dt><dd>10</dd>", group.name):
        assert words in dialog
    assert states() == {("planned", "")}


def test_a_run_is_stopped_from_its_page_paused_or_not(page: Page, start: Start) -> None:
    run = start()
    services.pause_run(run=run, actor=SYSTEM, now=NOON)
    path = f"runs/{run.pk}/"
    assert STOP in text_of(page(path, **HTMX))
    assert page(f"{path}stop/").status_code == 405
    assert page(f"{path}stop/", method="post").status_code == 302
    assert states() == {("cancelled", "run_stopped")}
    assert STOP not in text_of(page(path))
    assert AuditEntry.objects.get(verb="run.stopped").actor_kind == "user"


def test_nothing_is_offered_when_all_has_gone_out(page: Page, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start()
    Delivery.objects.update(state="accepted")
    monkeypatch.setattr("community_ops.common.clock.now", lambda: run.ends_at)
    assert STOP not in text_of(page(f"runs/{run.pk}/"))
    Delivery.objects.filter(pk=Delivery.objects.earliest("pk").pk).update(state="waiting")
    assert STOP in text_of(page(f"runs/{run.pk}/"))


@pytest.mark.parametrize("role", ["moderator", "viewer"])
def test_who_may_not_send_is_not_offered_to_stop(
    workspace: Workspace, start: Start, signed_in: SignIn, role: str
) -> None:
    run, tab = start(), signed_in(make_person(workspace, role))
    address = f"/w/{workspace.slug}/runs/{run.pk}/"
    assert "dialog-stop" not in text_of(tab.get(address))
    assert tab.post(f"{address}stop/").status_code == 403
    assert PlaybookRun.objects.get().stopped_at is None


def test_a_stranger_stops_nothing(stranger: Someone, start: Start, signed_in: Callable[[Someone], Client]) -> None:
    run = start()
    for slug in (stranger.workspace.slug, run.workspace.slug):
        assert signed_in(stranger).post(f"/w/{slug}/runs/{run.pk}/stop/").status_code == 404
    assert states() == {("planned", "")}
