"""All that failed of an announcement or run is queued again at once: on its page after a question, and over REST."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from rest_framework.test import APIClient

from campaigns import services
from campaigns.models import Announcement, PlaybookRun
from community_ops.accounts.models import Workspace
from community_ops.common.models import AuditEntry
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import HTMX, Page, SignIn, Start, Write, schedule, text_of
from tests.factories.people import SYSTEM, Someone, make_person
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon", "in_english")]
REFUSED = {"state": "failed", "reason": "refused", "attempt_count": 1}
API = "/api/v1"
PATHS = ["announcements", "runs"]
URLS = ["announcements", "playbook-runs"]


@pytest.fixture
def failed(
    write: Write, start: Start, group: ChatGroup, second_group: ChatGroup, silent_group: ChatGroup
) -> Callable[[str], Announcement | PlaybookRun]:
    """To two groups and one without a channel; everything failed. Its page or address says which kind."""

    def make(kind: str) -> Announcement | PlaybookRun:
        groups = (group, second_group, silent_group)
        sent: Announcement | PlaybookRun = write(*groups) if kind == "announcements" else start(*groups)
        if isinstance(sent, Announcement):
            schedule(sent)
        Delivery.objects.filter(endpoint__isnull=False).update(**REFUSED)
        return sent

    return make


def with_channel() -> set[tuple[str, str]]:
    return set(Delivery.objects.filter(endpoint__isnull=False).values_list("state", "reason"))


def count_of(sent: Announcement | PlaybookRun) -> int:
    return 2 if isinstance(sent, Announcement) else Delivery.objects.filter(endpoint__isnull=False).count()


@pytest.mark.parametrize("kind", PATHS)
def test_the_page_asks_first_and_says_how_many_to_whom(page: Page, failed: Any, kind: str, group: ChatGroup) -> None:
    sent = failed(kind)
    path = f"{kind}/{sent.pk}/"
    for headers in ({}, HTMX):
        assert f'{path}requeue/#delivery-question"' in text_of_any(page(path, **headers))
    assert '<dialog class="dialog" id="delivery-question"' in text_of(page(path))
    question = text_of(page(f"{path}requeue/"))
    for words in ("Queue all that failed again?", f"<dd>{count_of(sent)}</dd>", group.name, "Queue all again</button>"):
        assert words in question
    assert "没接通的群" not in question
    assert with_channel() == {("failed", "refused")}


def text_of_any(answer: Any) -> str:
    assert answer.status_code in (200, 286)
    return str(answer.content.decode())


@pytest.mark.parametrize("kind", PATHS)
def test_all_that_failed_is_queued_again_once_and_told_in_the_audit(page: Page, failed: Any, kind: str) -> None:
    sent = failed(kind)
    count, path = count_of(sent), f"{kind}/{sent.pk}/"
    answer = page(f"{path}requeue/", method="post")
    assert answer.status_code == 302
    assert f"{count} messages are queued again." in text_of_any(page(path))
    assert with_channel() == {("planned", "again")}
    assert set(Delivery.objects.filter(endpoint__isnull=True).values_list("state", flat=True)) <= {"failed", "planned"}
    verb = "announcement.requeued" if isinstance(sent, Announcement) else "run.requeued"
    entry = AuditEntry.objects.get(verb=verb)
    assert (entry.target_id, entry.after, entry.actor_kind) == (str(sent.pk), {"delivery_count": count}, "user")
    assert AuditEntry.objects.filter(verb="delivery.requeued").count() == count

    assert "requeue/" not in text_of_any(page(path))
    page(f"{path}requeue/", method="post")
    assert AuditEntry.objects.filter(Q(verb=verb) | Q(verb="delivery.requeued")).count() == count + 1


@pytest.mark.parametrize("state", ["accepted", "unknown", "expired", "cancelled", "planned"])
def test_what_did_not_fail_is_left_alone_and_not_offered(
    page: Page, write: Write, state: str, group: ChatGroup
) -> None:
    announcement = write(group)
    schedule(announcement)
    Delivery.objects.update(state=state)
    before = Delivery.objects.values().get()
    assert "requeue/" not in text_of_any(page(f"announcements/{announcement.pk}/"))
    page(f"announcements/{announcement.pk}/requeue/", method="post")
    assert Delivery.objects.values().get() == before
    assert not AuditEntry.objects.filter(verb="announcement.requeued").exists()


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("role", ["operator", "moderator"])
def test_whoever_may_queue_one_again_may_queue_all(
    workspace: Workspace, failed: Any, signed_in: SignIn, kind: str, role: str
) -> None:
    sent, tab = failed(kind), signed_in(make_person(workspace, role))
    path = f"/w/{workspace.slug}/{kind}/{sent.pk}/"
    assert "requeue/" in text_of(tab.get(path))
    assert tab.post(f"{path}requeue/").status_code == 302
    assert with_channel() == {("planned", "again")}


@pytest.mark.parametrize("kind", PATHS)
def test_a_viewer_is_not_offered_it_and_is_refused_and_a_stranger_finds_nothing(
    workspace: Workspace, viewer: Someone, stranger: Someone, failed: Any, signed_in: SignIn, kind: str
) -> None:
    sent = failed(kind)
    path = f"/w/{workspace.slug}/{kind}/{sent.pk}/"
    assert "requeue/" not in text_of(signed_in(viewer).get(path))
    foreign = f"/w/{stranger.workspace.slug}/{kind}/{sent.pk}/"
    for ask in ("get", "post"):
        assert getattr(signed_in(viewer), ask)(f"{path}requeue/").status_code == 403
        assert getattr(signed_in(stranger), ask)(f"{path}requeue/").status_code == 404
        assert getattr(signed_in(stranger), ask)(f"{foreign}requeue/").status_code == 404
    assert with_channel() == {("failed", "refused")}


@pytest.mark.parametrize("kind", PATHS)
def test_a_helper_queues_again_what_failed_in_her_groups(
    workspace: Workspace, helper: Someone, group: ChatGroup, failed: Any, signed_in: SignIn, kind: str
) -> None:
    sent = failed(kind)
    group.staff.create(workspace=workspace, user=helper.user, role="helper")
    question = signed_in(helper).get(f"/w/{workspace.slug}/{kind}/{sent.pk}/requeue/")
    assert question.context["dialog"]["names"] == [group.name]
    assert signed_in(helper).post(f"/w/{workspace.slug}/{kind}/{sent.pk}/requeue/").status_code == 302
    by_group = Delivery.objects.filter(endpoint__isnull=False).values_list("target_id", "state")
    assert {state for target_id, state in by_group if target_id == group.pk} == {"planned"}
    assert {state for target_id, state in by_group if target_id != group.pk} == {"failed"}


def test_what_was_called_off_is_refused_in_words(page: Page, failed: Any) -> None:
    announcement = failed("announcements")
    Announcement.objects.update(state="cancelled", cancelled_at=NOON)
    path = f"announcements/{announcement.pk}/"
    assert "requeue/" not in text_of_any(page(path))
    page(f"{path}requeue/", method="post")
    assert "This announcement was cancelled." in text_of(page(path))
    assert with_channel() == {("failed", "refused")}


# --- over REST ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", URLS)
def test_a_tool_queues_all_again_and_hears_how_many(api: APIClient, failed: Any, kind: str) -> None:
    sent = failed(kind)
    count = count_of(sent)
    answers = [api.post(f"{API}/{kind}/{sent.pk}/requeue/") for _twice in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"count": count}), (200, {"count": 0})]
    assert with_channel() == {("planned", "again")}


@pytest.mark.parametrize("kind", URLS)
def test_a_tool_that_may_not_decide_queues_nothing(
    api_of: Callable[..., APIClient], foreign_api: APIClient, workspace: Workspace, failed: Any, kind: str
) -> None:
    address = f"{API}/{kind}/{failed(kind).pk}/requeue/"
    answer = api_of(workspace, "viewer").post(address)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert foreign_api.post(address).status_code == 404
    assert with_channel() == {("failed", "refused")}


@pytest.mark.parametrize("kind", URLS)
def test_a_helpers_tool_reaches_her_groups(helper: Someone, group: ChatGroup, failed: Any, kind: str) -> None:
    sent, tool = failed(kind), APIClient()
    tool.force_authenticate(user=AnonymousUser(), token=helper.actor)
    assert tool.post(f"{API}/{kind}/{sent.pk}/requeue/").status_code == 404
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    tool.force_authenticate(user=AnonymousUser(), token=helper.actor)
    hers = Delivery.objects.filter(target_id=group.pk).count()
    assert tool.post(f"{API}/{kind}/{sent.pk}/requeue/").json() == {"count": hers}


def test_what_was_called_off_is_a_conflict(api: APIClient, failed: Any) -> None:
    announcement = failed("announcements")
    Announcement.objects.update(state="cancelled", cancelled_at=NOON)
    run = failed("playbook-runs")
    services.stop_run(run=run, reason="run_stopped", actor=SYSTEM, now=NOON)
    before = set(Delivery.objects.values_list("pk", "state"))
    for address in (f"announcements/{announcement.pk}", f"playbook-runs/{run.pk}"):
        answer = api.post(f"{API}/{address}/requeue/")
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert set(Delivery.objects.values_list("pk", "state")) == before
