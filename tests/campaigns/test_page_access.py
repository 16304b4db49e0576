"""Who may see and change what on the pages of campaigns and in their admin."""

import pytest

from campaigns.models import Announcement, Playbook
from community_ops.accounts.models import Workspace
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import SignIn, Start, Write, schedule
from tests.factories.people import Someone

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
PATHS = [
    "announcements/{announcement}/", "announcements/{announcement}/edit/", "playbooks/{playbook}/", "runs/{run}/",
]  # fmt: skip
ACTIONS = ["schedule", "send_now", "move", "cancel"]


@pytest.fixture
def ids(write: Write, start: Start, ladder: Playbook) -> dict[str, int]:
    return {"announcement": write().pk, "playbook": ladder.pk, "run": start().pk}


@pytest.mark.parametrize("path", PATHS)
def test_strangers_ids_and_unknown_ids_are_404(
    ids: dict[str, int], workspace: Workspace, stranger: Someone, signed_in: SignIn, path: str
) -> None:
    client = signed_in(stranger)
    assert client.get(f"/w/{workspace.slug}/{path.format(**ids)}").status_code == 404
    assert client.get(f"/w/{stranger.workspace.slug}/{path.format(**ids)}").status_code == 404
    huge = dict.fromkeys(ids, 10**30)
    assert client.get(f"/w/{stranger.workspace.slug}/{path.format(**huge)}").status_code == 404


@pytest.mark.parametrize("action", ACTIONS)
def test_stranger_changes_nothing(ids: dict[str, int], stranger: Someone, signed_in: SignIn, action: str) -> None:
    url = f"/w/{stranger.workspace.slug}/announcements/{ids['announcement']}/{action}/"
    assert signed_in(stranger).post(url, {"due_at": "2026-11-22T09:00"}).status_code == 404
    assert Announcement.objects.get().state == "draft"


def test_roles_of_the_pages(ids: dict[str, int], viewer: Someone, helper: Someone, signed_in: SignIn) -> None:
    root = f"/w/{viewer.workspace.slug}/"
    for path in ("announcements/", "calendar/", "playbooks/"):
        assert signed_in(viewer).get(root + path).status_code == 200
    assert signed_in(viewer).get(f"{root}announcements/new/").status_code == 403
    assert signed_in(helper).get(f"{root}announcements/new/").status_code == 200
    for someone in (viewer, helper):
        assert signed_in(someone).post(f"{root}announcements/{ids['announcement']}/cancel/").status_code in (403, 404)
    assert Announcement.objects.get().state == "draft"


def test_helper_finds_and_settles_the_deliveries_of_her_groups_only(
    write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    schedule(write(group, second_group))
    Delivery.objects.update(state="unknown")
    tab, root = signed_in(helper), f"/w/{helper.workspace.slug}/deliveries/"
    hers, other = Delivery.objects.get(target_id=group.pk), Delivery.objects.get(target_id=second_group.pk)
    assert [row["delivery"].pk for row in tab.get(root).context["rows"]] == [hers.pk]
    for delivery, status in ((hers, 302), (other, 404)):
        assert tab.post(f"{root}{delivery.pk}/decide/", {"verdict": "sent"}).status_code == status
    assert dict(Delivery.objects.values_list("pk", "state")) == {hers.pk: "confirmed", other.pk: "unknown"}


ADMIN = ["announcement", "occurrence", "playbook", "playbookrun", "touch"]


@pytest.mark.parametrize("model", ADMIN)
def test_admin_shows_own_rows_only(
    ids: dict[str, int], owner: Someone, stranger: Someone, signed_in: SignIn, model: str
) -> None:
    assert signed_in(owner).get(f"/admin/campaigns/{model}/").status_code == 200
    shown = signed_in(stranger).get(f"/admin/campaigns/{model}/").content.decode()
    assert "羊毛衫" not in shown
    assert "晚上八点见" not in shown


def test_admin_cancels_through_the_service(write: Write, owner: Someone, signed_in: SignIn) -> None:
    announcement = write()
    schedule(announcement)
    data = {"action": "cancel", "_selected_action": [announcement.pk]}
    signed_in(owner).post("/admin/campaigns/announcement/", data)
    assert Delivery.objects.get().state == "cancelled"


def test_admin_stops_a_run_through_the_service(start: Start, owner: Someone, signed_in: SignIn) -> None:
    run = start()
    signed_in(owner).post("/admin/campaigns/playbookrun/", {"action": "stop", "_selected_action": [run.pk]})
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}


def test_admin_action_of_a_viewer_changes_nothing(write: Write, viewer: Someone, signed_in: SignIn) -> None:
    announcement = write()
    schedule(announcement)
    data = {"action": "cancel", "_selected_action": [announcement.pk]}
    signed_in(viewer).post("/admin/campaigns/announcement/", data)
    assert Delivery.objects.get().state == "planned"


def test_admin_shows_a_playbooks_steps(ladder: Playbook, owner: Someone, signed_in: SignIn) -> None:
    answer = signed_in(owner).get(f"/admin/campaigns/playbook/{ladder.pk}/change/")
    assert "minutes-before-10" in answer.content.decode()
