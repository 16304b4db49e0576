"""Limits the operator chooses: set, changed, taken back, refused; by service, page and REST."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.models import Delivery, SendBudget, SendLimit
from messaging.services.limits import limits_of
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def choose(endpoint, count, scope="connection", seconds=60, note=""):
    return services.set_limit(
        endpoint=endpoint, scope=scope, seconds=seconds, count=count, note=note, actor=SYSTEM, now=NOON
    )


def counts(endpoint) -> list[tuple[str, int, int]]:
    found = limits_of(endpoint).items()
    return [(key[0], limit.count, limit.seconds) for key, limits in found for limit in limits]


def test_an_own_limit_is_kept_changed_and_taken_back(robot) -> None:
    choose(robot, 10, note="只开一半")
    assert counts(robot) == [("connection", 10, 60)]
    choose(robot, 15)
    assert counts(robot) == [("connection", 15, 60)]
    assert choose(robot, None) is None
    assert counts(robot) == [("connection", 20, 60)]
    befores = AuditEntry.objects.filter(verb="endpoint.limited").order_by("id").values_list("before__count", flat=True)
    assert list(befores) == [None, 10, 15]


def test_the_same_again_changes_nothing(robot) -> None:
    for _ in range(2):
        choose(robot, 10)
    for _ in range(2):
        choose(robot, None)
    assert AuditEntry.objects.filter(verb="endpoint.limited").count() == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scope": "planet"}, "scope"), ({"seconds": 0}, "seconds"), ({"seconds": 2_678_401}, "seconds"),
        ({"count": 0}, "count"), ({"count": -1}, "count"), ({"count": 1_000_001}, "count"),
        ({"note": "x" * 201}, "note"), ({"note": "a\u202eb"}, "note"),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused_and_nothing_is_kept(robot, wrong, field) -> None:
    with pytest.raises(InvalidInput) as refusal:
        choose(robot, **({"count": 5} | wrong))
    assert refusal.value.field == field
    assert not SendLimit.objects.exists()
    assert not AuditEntry.objects.filter(verb="endpoint.limited").exists()


def test_what_waits_for_a_month_goes_on_when_the_limit_is_taken_back(plan, deliver, hook, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    choose(hook, 1, scope="endpoint", seconds=2_592_000)
    rows = [plan(hook) for _ in range(3)]
    deliver()
    waiting = Delivery.objects.filter(pk__in=[row.pk for row in rows], state="planned", reason="limit")
    assert waiting.count() == 2
    assert waiting.filter(next_try_at__gt=NOON + timedelta(days=29)).count() == 2
    choose(hook, None, scope="endpoint", seconds=2_592_000)
    deliver(NOON + timedelta(seconds=2))
    assert len(httpserver.log) == 3
    assert SendBudget.objects.get(scope="endpoint").queue_until is None


def test_a_changed_limit_moves_nothing_before_its_time_and_nobody_elses(plan, hook, room) -> None:
    early, other = plan(hook, due_at=NOON + timedelta(hours=1)), plan(room)
    Delivery.objects.update(reason="limit", next_try_at=NOON + timedelta(days=9))
    choose(hook, 5, scope="endpoint")
    early.refresh_from_db()
    other.refresh_from_db()
    assert (early.next_try_at, early.reason) == (NOON + timedelta(hours=1), "")
    assert (other.next_try_at, other.reason) == (NOON + timedelta(days=9), "limit")


def test_an_archived_channel_takes_no_limit(robot) -> None:
    services.archive_endpoint(endpoint=robot, actor=SYSTEM, now=NOON)
    robot.refresh_from_db()
    with pytest.raises(InvalidTransition):
        choose(robot, 5)
    assert not SendLimit.objects.exists()


def test_a_limit_is_set_and_taken_back_on_the_channels_page(signed_in, owner, workspace, robot) -> None:
    client, args = signed_in(owner), [workspace.slug, robot.pk]
    given = {"scope": "endpoint", "length": "1", "unit": "3600", "count": "7", "note": "和群主说好的"}
    client.post(reverse("messaging:endpoint_limit", args=args), given)
    page = client.get(reverse("messaging:endpoint_edit", args=args), headers={"Accept-Language": "en"}).content.decode()
    assert "0 of 7 used in this hour" in page
    assert "和群主说好的" in page
    client.post(reverse("messaging:endpoint_unlimit", args=args), {"scope": "endpoint", "seconds": "3600"})
    assert not SendLimit.objects.exists()


def test_a_refused_limit_stands_in_its_form(signed_in, owner, workspace, robot) -> None:
    url = reverse("messaging:endpoint_limit", args=[workspace.slug, robot.pk])
    for wrong in ({"length": "32", "unit": "86400"}, {"length": "0"}, {"length": "9" * 30}, {"length": "9" * 5_000}):
        answer = signed_in(owner).post(url, {"scope": "endpoint", "unit": "60", "count": "7"} | wrong)
        assert (answer.status_code, list(answer.context["limit_form"].errors)) == (422, ["length"])
    answer = signed_in(owner).post(url, {"scope": "endpoint", "length": "1", "unit": "7", "count": "7"})
    assert (answer.status_code, list(answer.context["limit_form"].errors)) == (422, ["unit"])
    assert not SendLimit.objects.exists()


def test_a_month_is_chosen_in_days(signed_in, owner, workspace, robot) -> None:
    args = [workspace.slug, robot.pk]
    given = {"scope": "connection", "length": "31", "unit": "86400", "count": "31"}
    assert signed_in(owner).post(reverse("messaging:endpoint_limit", args=args), given).status_code == 302
    assert SendLimit.objects.values_list("seconds", "count").get() == (2_678_400, 31)
    page = signed_in(owner).get(reverse("messaging:endpoint_edit", args=args), headers={"Accept-Language": "en"})
    assert "0 of 31 used in the last 31 days" in page.content.decode()
    assert "It counts what goes out from now on" in page.content.decode()


def test_who_may_not_manage_channels_sets_no_limit(signed_in, helper, workspace, robot) -> None:
    for name in ("endpoint_limit", "endpoint_unlimit"):
        url = reverse(f"messaging:{name}", args=[workspace.slug, robot.pk])
        assert signed_in(helper).post(url, {"scope": "endpoint", "seconds": 60, "count": 1}).status_code == 403
    assert not SendLimit.objects.exists()


def test_a_tool_reads_and_sets_limits(api, robot) -> None:
    url = f"/api/v1/endpoints/{robot.pk}/limits/"
    first = {"scope": "connection", "seconds": 60, "count": 20, "used_count": 0, "is_own": False, "note": ""}
    first["is_above_platform"] = False
    assert api.get(url).json() == [first]
    answer = api.post(url, {"scope": "connection", "seconds": 60, "count": 12})
    assert (answer.status_code, answer.json()) == (200, [first | {"count": 12, "is_own": True}])
    assert api.post(url, {"scope": "connection", "seconds": 60, "count": None}).json() == [first]


def test_a_tool_chooses_31_days_and_no_more(api, robot) -> None:
    url, month = f"/api/v1/endpoints/{robot.pk}/limits/", {"scope": "endpoint", "count": 31, "seconds": 2_678_400}
    assert month.items() <= api.post(url, month).json()[-1].items()
    answer = api.post(url, month | {"seconds": 2_678_401})
    assert (answer.status_code, list(answer.json())) == (400, ["seconds"])
    assert SendLimit.objects.get().seconds == 2_678_400


@pytest.mark.django_db(transaction=True)
def test_the_way_back_to_limits_of_a_day_forgets_the_longer_ones(robot) -> None:
    choose(robot, 31, seconds=2_678_400)
    choose(robot, 5, seconds=86_400)
    try:
        MigrationExecutor(connection).migrate([("messaging", "0007_add_inbound")])
        assert SendLimit.objects.values_list("seconds", flat=True).get() == 86_400
        with pytest.raises(IntegrityError):
            SendLimit.objects.update(seconds=86_401)
    finally:
        forward = MigrationExecutor(connection)
        forward.migrate(forward.loader.graph.leaf_nodes("messaging"))
    SendLimit.objects.update(seconds=2_678_400)


@pytest.mark.parametrize(
    ("chosen", "is_above"),
    [
        ({"scope": "connection", "seconds": 60, "count": 21}, True),
        ({"scope": "connection", "seconds": 60, "count": 20}, False),
        ({"scope": "connection", "seconds": 61, "count": 500}, False),
        ({"scope": "endpoint", "seconds": 60, "count": 500}, False),
    ],
)
def test_only_more_than_the_platforms_own_of_the_same_scope_and_window_is_warned_of(
    api, robot, chosen, is_above
) -> None:
    found = api.post(f"/api/v1/endpoints/{robot.pk}/limits/", chosen).json()
    (own,) = (limit for limit in found if limit["is_own"])
    assert own["count"] == chosen["count"]  # a warning refuses nothing
    assert own["is_above_platform"] is is_above
    assert not any(limit["is_above_platform"] for limit in found if not limit["is_own"])


def test_the_channels_page_says_that_a_limit_is_above_the_platforms(signed_in, owner, workspace, robot) -> None:
    def page() -> str:
        url = reverse("messaging:endpoint_edit", args=[workspace.slug, robot.pk])
        return signed_in(owner).get(url, headers={"Accept-Language": "en"}).content.decode()

    warned = "Higher than the platform&#x27;s own limit of 20 within 1 minute: it may refuse what goes beyond that."
    choose(robot, 20)
    assert warned not in page()
    choose(robot, 30)
    assert warned in page()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "planet", "seconds": 60, "count": 1}, "scope"), ({"scope": "endpoint", "count": 1}, "seconds"),
        ({"scope": "endpoint", "seconds": 60}, "count"), ({"scope": "endpoint", "seconds": 0, "count": 1}, "seconds"),
        ({"scope": "endpoint", "seconds": 10**30, "count": 1}, "seconds"),
    ],
)  # fmt: skip
def test_a_wrong_limit_over_rest_names_its_field(api, robot, body, field) -> None:
    answer = api.post(f"/api/v1/endpoints/{robot.pk}/limits/", body)
    assert answer.status_code == 400
    assert field in answer.json() or answer.json().get("extra", {}).get("field") == field
    assert not SendLimit.objects.exists()
