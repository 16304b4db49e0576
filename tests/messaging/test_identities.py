"""The same account entered twice, archived and entered again, in two teams; topics of one chat: counted as one."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse
from django.utils import translation

from community_ops.common import dbtime
from community_ops.common.errors import InvalidInput
from messaging import services
from messaging.errors import ConfigRefused
from messaging.identity_selectors import Together, counted_together
from messaging.identity_wording import together_words
from messaging.models import Connection, Delivery, Endpoint, Identity, SendLimit, SendSlot
from messaging.platforms import registry
from messaging.platforms.base import Limit, Outcome, Result, Scope
from messaging.services import identities, limits, resting
from messaging.services.channels import Channels
from messaging.services.limits import limits_of, take_slots
from tests.factories.people import SYSTEM, make_person, make_workspace
from tests.messaging.conftest import ROBOT_KEY, SECRET, make_endpoint
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
TELEGRAM = f"110201543:{'A' * 35}"
GROUP = "-1001234567890"
BEFORE = ("messaging", "0018_end_receiving_without_a_channel")


def telegram(workspace, chat: str = GROUP, *, token: str = TELEGRAM, **config) -> Endpoint:
    return make_endpoint(workspace, "telegram", token=token, chat=chat, **config)


def robot_of(workspace, key: str = ROBOT_KEY) -> Endpoint:
    return make_endpoint(workspace, "wecom_robot", key=key)


def topic(beside: Endpoint, thread: str) -> Endpoint:
    config = {"chat": beside.address["chat"], "thread": thread}
    return services.add_chat(connection=beside.connection, name=f"话题 {thread}", config=config, actor=SYSTEM, now=NOON)


def change(endpoint: Endpoint, **config) -> Endpoint:
    facts = {"name": endpoint.name, "config": config, "actor": SYSTEM, "now": NOON}
    return services.update_endpoint(endpoint=endpoint, **facts)


def archive(endpoint: Endpoint) -> None:
    services.archive_endpoint(endpoint=endpoint, actor=SYSTEM, now=NOON)


def call(endpoint: Endpoint) -> bool:
    """One call that is over at once; whether there was a slot for it."""
    db_now = dbtime.now()
    taken = take_slots(limits_of(endpoint), workspace_id=endpoint.workspace_id, delivery=None, db_now=db_now)
    if not isinstance(taken, list):
        return False
    limits.end_slots(slot_ids=taken, db_now=db_now)
    return True


def calls(endpoint: Endpoint, count: int) -> int:
    return sum(call(endpoint) for _ in range(count))


def own_limits(endpoint: Endpoint, scope: str = "connection") -> list[int]:
    return [one.limit.count for one in limits.use_of(endpoint, db_now=dbtime.now()) if one.limit.scope == scope]


def choose(endpoint: Endpoint, count: int, scope: str = "connection") -> None:
    services.set_limit(endpoint=endpoint, scope=scope, seconds=60, count=count, actor=SYSTEM, now=NOON)


# --- one account ----------------------------------------------------------------------------------------


def test_a_robot_that_was_archived_and_entered_again_has_its_old_window(workspace) -> None:
    first = robot_of(workspace)
    assert calls(first, 25) == 20
    archive(first)
    again = robot_of(workspace)
    assert (again.connection_id == first.connection_id, calls(again, 25)) == (False, 0)


def test_a_bot_that_was_entered_twice_has_one_window_one_cooldown_and_one_rest(workspace) -> None:
    first, second = telegram(workspace, "-1"), telegram(workspace, "-2", token=f"110201543:{'B' * 35}")
    choose(first, 3)
    assert [calls(first, 1), calls(second, 1), calls(first, 1)] == [1, 1, 0]  # one a second for each chat
    assert own_limits(second) == own_limits(first) == [30, 3]

    too_fast = Result(Outcome.RETRY, is_too_fast=True, retry_after_seconds=90)
    limits.cool_down(first, too_fast, db_now=dbtime.now())
    assert limits.cooling_until(second, db_now=dbtime.now()) is not None

    for _ in range(5):
        resting.heed(first, Result(Outcome.REFUSED, refuses_key=True), db_now=dbtime.now(), now=NOON)
    assert resting.why_waiting(second) == "key_refused"
    resting.heed(second, Result(Outcome.ACCEPTED), db_now=dbtime.now(), now=NOON)
    assert resting.why_waiting(first) == "limit"


def test_two_channels_of_one_receiver_send_no_more_than_it_takes(workspace, plan, deliver, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    first, second = (make_endpoint(workspace, "webhook", url=httpserver.url_for("/hook"), secret=SECRET) for _ in "ab")
    choose(first, 5)
    for endpoint in (first, second) * 4:
        plan(endpoint)
    deliver()
    assert len(httpserver.log) == 5
    assert Delivery.objects.filter(state="planned", reason="limit").count() == 3


@pytest.mark.parametrize(
    ("platform", "one", "other", "is_same"),
    [
        ("wecom_robot", {"key": "k"}, {"key": "k"}, True),
        ("wecom_robot", {"key": "k"}, {"key": "l"}, False),
        ("dingtalk_robot", {"access_token": "t"}, {"access_token": "t", "secret": "SECx"}, True),
        ("feishu_robot", {"hook": "h", "region": "feishu"}, {"hook": "h", "region": "feishu", "secret": "x"}, True),
        ("feishu_robot", {"hook": "h", "region": "feishu"}, {"hook": "h", "region": "lark"}, False),
        ("telegram", {"token": TELEGRAM}, {"token": f"110201543:{'Z' * 35}"}, True),
        ("telegram", {"token": TELEGRAM}, {"token": f"110201544:{'A' * 35}"}, False),
        ("discord", {"token": "MTE.a.b"}, {"token": "MTE.c.d"}, True),
        ("slack", {"token": "xoxb-1"}, {"token": "xoxb-2"}, False),
        (
            "email",
            {"host": "SMTP.example.com", "username": "A@x"},
            {"host": "smtp.example.com", "username": "a@x"},
            True,
        ),
        ("email", {"host": "h", "sender": "a@x"}, {"host": "h", "sender": "b@x"}, False),
        ("webhook", {"url": "https://a/", "secret": "s"}, {"url": "https://a/", "secret": "t"}, True),
        ("apprise", {"url": "pover://a"}, {"url": "pover://b"}, False),
        ("sandbox", {}, {}, False),
        ("assisted", {}, {}, False),
    ],
)
def test_each_platform_says_who_an_account_is(platform, one, other, is_same) -> None:
    digests = [identities.account_digest(platform, settings, {}) for settings in (one, other)]
    assert (digests[0] == digests[1]) is is_same


def test_what_is_stored_is_no_key_and_no_bare_hash_of_one(workspace, settings) -> None:
    robot = robot_of(workspace)
    digest = robot.connection.identity.digest
    assert digest not in {hashlib.sha256(word.encode()).hexdigest() for word in (ROBOT_KEY, f"wecom_robot{ROBOT_KEY}")}
    settings.FIELD_ENCRYPTION_KEYS = ["a new one in front", *settings.FIELD_ENCRYPTION_KEYS]
    known = {"config": {}, "secret": {"key": ROBOT_KEY}}
    assert identities.account_digest("wecom_robot", **known) == digest  # a rotation makes nobody somebody else
    settings.FIELD_ENCRYPTION_KEYS = ["another"]
    assert identities.account_digest("wecom_robot", **known) != digest


def test_what_a_call_counts_under_asks_the_database_nothing(workspace, plan, django_assert_num_queries) -> None:
    endpoint = telegram(workspace, thread="7")
    row, known = plan(endpoint), limits.read(workspace.pk)
    Channels().put_in([row])
    with django_assert_num_queries(0):
        found = limits_of(row.endpoint, known)
    assert set(found) == {("connection", endpoint.connection.identity_id), ("endpoint", endpoint.identity_id)}


# --- one chat -------------------------------------------------------------------------------------------


def test_topics_of_one_group_share_its_twenty_a_minute(workspace) -> None:
    general = telegram(workspace)
    first, other = topic(general, "7"), telegram(workspace, "-100999")
    assert limits_of(first)["endpoint", general.identity_id] == (
        Limit(1, 1, Scope.ENDPOINT),
        Limit(20, 60, Scope.ENDPOINT),
    )
    assert [call(general), call(first), call(other)] == [True, False, True]


def test_a_public_name_is_one_chat_however_it_is_written(workspace) -> None:
    assert telegram(workspace, "@Morning").identity_id == telegram(workspace, "@morning", thread="2").identity_id


def test_what_is_planned_in_another_topic_stands_in_the_way_of_a_forecast(workspace, plan) -> None:
    general = telegram(workspace)
    other = topic(general, "7")
    for number in range(20):
        plan(other, target_id=number)
    facts = {"source_key": "x", "endpoint_id": general.pk, "text": "x", "due_at": NOON, "origin": "test"}
    send = services.PlannedSend(**facts, origin_id=99, target_id=99)
    assert services.foresee(workspace_id=workspace.pk, sends=[send], now=NOON).seconds > 50


# --- the operator is told -------------------------------------------------------------------------------


def test_the_very_same_chat_is_refused_and_names_the_channel_it_has(workspace) -> None:
    first = robot_of(workspace)
    with pytest.raises(ConfigRefused) as refusal:
        robot_of(workspace)
    assert (refusal.value.extra["key"], first.name in refusal.value.message) == ("key", True)
    other = robot_of(workspace, "another-key-of-another-robot")
    with pytest.raises(ConfigRefused):
        change(other, key=ROBOT_KEY)
    telegram(workspace)
    with pytest.raises(InvalidInput) as refused:
        telegram(workspace)
    assert refused.value.field == "chat"
    assert Endpoint.objects.count() == 3


def test_a_bot_that_becomes_another_one_must_not_meet_it_in_a_chat(workspace) -> None:
    telegram(workspace, "-2")
    first = telegram(workspace, "-1", token=f"990:{'A' * 35}")
    config = {"connection": first.connection, "name": "2", "config": {"chat": "-2"}}
    services.add_chat(**config, actor=SYSTEM, now=NOON)
    with pytest.raises(InvalidInput):
        change(first, token=TELEGRAM)
    assert change(first, token=f"980:{'A' * 35}").address == {"chat": "-1"}


def test_pages_say_which_channels_count_together(workspace, owner, signed_in) -> None:
    first = telegram(workspace)
    client, english = signed_in(owner), {"Accept-Language": "en"}
    given = {"name": "second", "token": TELEGRAM, "chat": "-7"}
    url = reverse("messaging:endpoint_new", args=[workspace.slug, "telegram"])
    page = client.post(url, given, follow=True, headers=english).content.decode()
    assert f"The same account as of “{first.name}”" in page
    topic(first, "5")
    url = reverse("messaging:endpoint_edit", args=[workspace.slug, first.pk])
    page = client.get(url, headers=english).content.decode()
    assert "The same account as of “second”" in page
    assert "In the same chat as “话题 5”" in page
    alone = robot_of(workspace)
    url = reverse("messaging:endpoint_edit", args=[workspace.slug, alone.pk])
    assert "The same account" not in client.get(url, headers=english).content.decode()


def test_a_team_that_shared_an_account_before_it_was_refused_is_told(workspace) -> None:
    first, other = robot_of(workspace), make_workspace()
    account = Identity.objects.create(workspace=other, digest=first.connection.identity.digest)
    facts = {"workspace": other, "name": "r", "identity": account}
    later = Connection.objects.create(platform="wecom_robot", secret={"key": ROBOT_KEY}, **facts)
    second = Endpoint.objects.create(connection=later, **facts)
    assert [counted_together(one).is_elsewhere for one in (first, second)] == [False, True]
    with translation.override("en"):
        (words,) = together_words(counted_together(second))
    assert "here only your team is counted" in words


def test_of_many_channels_that_count_together_a_few_are_named() -> None:
    names = tuple(f"{number} 群" for number in range(1, 8))
    with translation.override("en"):
        (words,) = together_words(Together(names, (), is_elsewhere=False))
    assert words.startswith("The same account as of “1 群”, “2 群”, “3 群”, “4 群”, “5 群” and 2 more: ")


# --- another key ----------------------------------------------------------------------------------------


def test_a_new_token_of_the_same_bot_changes_nothing_of_what_it_counts_under(workspace) -> None:
    bot = telegram(workspace)
    changed = change(bot, token=f"110201543:{'C' * 35}")
    assert (changed.connection.identity_id, changed.identity_id) == (bot.connection.identity_id, bot.identity_id)


def test_a_key_that_comes_back_finds_its_window_and_the_other_one_has_its_own(workspace) -> None:
    robot = robot_of(workspace)
    assert calls(robot, 20) == 20
    robot = change(robot, key="another-key-of-another-robot")
    assert calls(robot, 3) == 3
    assert calls(change(robot, key=ROBOT_KEY), 1) == 0


def test_own_limits_come_along_to_a_new_key(workspace) -> None:
    robot = robot_of(workspace)
    choose(robot, 12)
    choose(robot, 3, "endpoint")
    robot = change(robot, key="another-key-of-another-robot")
    assert (own_limits(robot), own_limits(robot, "endpoint")) == ([12], [3])
    assert SendLimit.objects.count() == 2


def test_own_limits_of_an_account_that_others_have_hold_for_who_joins_it(workspace) -> None:
    first, second = telegram(workspace, "-1"), telegram(workspace, "-2", token=f"990:{'A' * 35}")
    choose(first, 12)
    choose(second, 25)
    assert own_limits(change(second, token=TELEGRAM)) == [30, 12]


def test_what_waited_in_the_former_keys_line_is_tried_soon(workspace, plan, fresh) -> None:
    robot = robot_of(workspace)
    row = plan(robot)
    Delivery.objects.update(reason="limit", next_try_at=NOON + timedelta(hours=9))
    change(robot, key="another-key-of-another-robot")
    assert fresh(row).next_try_at <= NOON + timedelta(seconds=5)


# --- two teams ------------------------------------------------------------------------------------------


def test_another_team_cannot_send_through_an_account_with_limits(workspace) -> None:
    robot_of(workspace)
    other = make_workspace()
    with pytest.raises(ConfigRefused) as refusal:
        robot_of(other)
    assert refusal.value.extra["key"] == "key"
    with translation.override("en"), pytest.raises(ConfigRefused, match="Another team of this installation"):
        robot_of(other)
    own = robot_of(other, "another-key-of-another-robot")
    with pytest.raises(ConfigRefused):
        change(own, key=ROBOT_KEY)
    assert Endpoint.objects.of(other.pk).count() == Connection.objects.of(other.pk).count() == 1


def test_where_nothing_is_limited_two_teams_share_an_account(workspace, httpserver) -> None:
    url = httpserver.url_for("/hook")
    for space in (workspace, make_workspace()):
        make_endpoint(space, "webhook", url=url, secret=SECRET)
    assert Endpoint.objects.count() == 2


def test_with_its_last_channel_an_account_is_free_once_its_calls_count_no_more(workspace) -> None:
    first, other = telegram(workspace, "-1"), make_workspace()
    second = telegram(workspace, "-2")
    archive(first)
    with pytest.raises(ConfigRefused):
        telegram(other)
    assert call(second)
    archive(second)
    with pytest.raises(ConfigRefused) as refusal:
        telegram(other)
    assert "60" in refusal.value.message  # seconds from now
    SendSlot.objects.update(ended_at=dbtime.now() - timedelta(seconds=61))
    taken = telegram(other)
    with pytest.raises(ConfigRefused):  # and not back, while they have it
        services.add_chat(connection=first.connection, name="n", config={"chat": "-3"}, actor=SYSTEM, now=NOON)
    archive(taken)
    services.add_chat(connection=first.connection, name="n", config={"chat": "-3"}, actor=SYSTEM, now=NOON)


def test_a_key_that_is_taken_out_frees_its_account(workspace) -> None:
    change(robot_of(workspace), key="another-key-of-another-robot")
    assert robot_of(make_workspace()).pk


def test_the_database_lets_only_one_team_hold_an_account(workspace) -> None:
    digest = robot_of(workspace).connection.identity.digest
    with pytest.raises(IntegrityError), transaction.atomic():
        Identity.objects.create(workspace=make_workspace(), digest=digest, is_held=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_one_team", [True, False])
def test_of_two_that_enter_a_robot_at_once_one_is_refused(workspace, is_one_team) -> None:
    spaces = [workspace, workspace if is_one_team else make_workspace()]
    made = at_once([lambda space=space: robot_of(space) for space in spaces])
    assert sorted(type(one).__name__ for one in made) == ["ConfigRefused", "Endpoint"]
    assert Endpoint.objects.count() == Identity.objects.filter(is_held=True).count() == 1


def test_what_is_read_of_a_foreign_team_is_never_told(workspace, signed_in) -> None:
    """The refusal says that there is one, not which, nor what its channel is called."""
    first, other = robot_of(workspace), make_workspace()
    url = reverse("messaging:endpoint_new", args=[other.slug, "wecom_robot"])
    answer = signed_in(make_person(other)).post(url, {"name": "n", "key": ROBOT_KEY}, headers={"Accept-Language": "en"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["key"])
    assert "Another team of this installation" in answer.content.decode()
    assert first.name not in answer.content.decode()


# --- rows of before -------------------------------------------------------------------------------------


@pytest.fixture
def before_identities() -> Callable[[], None]:
    """The tables as they were; what the test then calls brings them up to date."""
    MigrationExecutor(connection).migrate([BEFORE])
    forward = MigrationExecutor(connection)
    yield lambda: forward.migrate(forward.loader.graph.leaf_nodes("messaging"))
    forward = MigrationExecutor(connection)
    forward.migrate(forward.loader.graph.leaf_nodes("messaging"))


@pytest.mark.django_db(transaction=True)
def test_accounts_entered_twice_before_are_put_together(workspace, before_identities) -> None:
    old = MigrationExecutor(connection).loader.project_state([BEFORE]).apps
    models = {name: old.get_model("messaging", name) for name in ("Connection", "Endpoint", "SendBudget", "SendSlot")}
    other, now = make_workspace(), dbtime.now()
    channels = []
    for space in (workspace, workspace, other):
        facts = {"workspace_id": space.pk, "name": "r"}
        account = models["Connection"].objects.create(platform="wecom_robot", secret={"key": ROBOT_KEY}, **facts)
        channels.append(models["Endpoint"].objects.create(connection=account, **facts))
    for number, channel in enumerate(channels):
        which = {"workspace_id": channel.workspace_id, "scope": "connection", "scope_id": channel.connection_id}
        budget = models["SendBudget"].objects.create(**which, cooldown_until=now + timedelta(seconds=number))
        for _ in range(18):
            facts = {"workspace_id": channel.workspace_id, "budget": budget}
            models["SendSlot"].objects.create(**facts, started_at=now, ended_at=now)
        old.get_model("messaging", "SendLimit").objects.create(**which, count=30 - number, seconds=3600)

    before_identities()

    first, second, foreign = (Endpoint.objects.select_related("connection__identity").get(pk=c.pk) for c in channels)
    used = {one.limit.seconds: (one.limit.count, one.used_count) for one in limits.use_of(first, db_now=now)}
    assert used == {60: (20, 36), 3600: (29, 36)}
    assert first.connection.identity == second.connection.identity
    assert first.identity_id == second.identity_id
    assert [one.connection.identity.is_held for one in (first, foreign)] == [True, False]
    assert first.connection.identity.digest == identities.account_digest("wecom_robot", {}, {"key": ROBOT_KEY})
    assert limits.cooling_until(first, db_now=now) == now + timedelta(seconds=1)
    assert [one.used_count for one in limits.use_of(foreign, db_now=now)] == [18, 18]

    MigrationExecutor(connection).migrate([BEFORE])
    rows = models["SendBudget"].objects.order_by("scope_id").values_list("scope_id", flat=True)
    assert list(rows) == [channels[0].connection_id, channels[2].connection_id]


def test_every_platform_with_limits_of_its_own_says_who_an_account_is() -> None:
    limited = [name for name in registry.names() if registry.get(name).capabilities.limits]
    assert limited
    assert [name for name in limited if not registry.get(name).identified_by] == []
