"""One account, many chats: found, bound once, freed by archiving; its settings change for all of them."""

import pytest
from django.db import connection as database
from django.urls import reverse

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from messaging import selectors, services
from messaging.errors import ChatsNotTold, ConfigRefused
from messaging.models import Connection, Endpoint, FoundChat
from messaging.platforms import registry
from messaging.platforms.base import Account, Adapter, Capabilities, Chat, ChatsUnknown, Outcome, Result, Size, Unit
from messaging.platforms.settings_reading import Setting
from tests.factories.people import SYSTEM
from tests.messaging.conftest import ROBOT_KEY, make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-the-bot"


class Bot(Adapter):
    """A platform whose account is in many chats and says in which."""

    capabilities = Capabilities(text=Size(100, Unit.CHARACTERS), has_many_chats=True, can_list_chats=True, source="t")
    settings = (
        Setting(key="token", label="t", is_secret=True),
        Setting(key="chat", label="c", is_of_chat=True, pattern=r"-?\d+", pattern_words="digits"),
    )

    def __init__(self) -> None:
        self.chats, self.words, self.asked = [], "", []

    def read_config(self, config) -> Account:
        account = super().read_config(config)
        return Account(config={"hint": "bot"}, secret=account.secret, address=account.address)

    def list_chats(self, config, secret):
        self.asked.append((secret["token"], database.in_atomic_block))
        if self.words:
            raise ChatsUnknown(self.words)
        return self.chats

    def send(self, message):
        return Result(Outcome.ACCEPTED, code="0")


@pytest.fixture
def bot(monkeypatch) -> Bot:
    adapter = Bot()
    monkeypatch.setitem(registry._ADAPTERS, "slack", adapter)
    return adapter


@pytest.fixture
def channel(workspace, bot) -> Endpoint:
    return make_endpoint(workspace, "slack", token=TOKEN, chat="-1")


@pytest.fixture
def account(channel) -> Connection:
    return channel.connection


def look(account, now=NOON) -> list[FoundChat]:
    return services.look_for_chats(connection=account, actor=SYSTEM, now=now)


def found(account, chat="-2", title="晨跑 2 群") -> FoundChat:
    made = services.note_chat(connection=account, chat=Chat(chat, title), now=NOON)
    assert made is not None
    return made


def bind(chat, name="", actor=SYSTEM) -> Endpoint:
    return services.bind_chat(found_chat=chat, actor=actor, now=NOON, name=name)


def add(account, chat="-2", name="群") -> Endpoint:
    return services.add_chat(connection=account, name=name, config={"chat": chat}, actor=SYSTEM, now=NOON)


def live_chats(account) -> list[str]:
    rows = Endpoint.objects.filter(connection=account, archived_at=None).order_by("id")
    return [row.address["chat"] for row in rows]


# --- found ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_chats_are_asked_for_outside_any_transaction_and_kept_once(bot, account) -> None:
    bot.chats = [Chat("-2", "晨跑 2 群"), Chat("8", "李姐", is_person=True), Chat("-2", "晨跑 2 群(新)")]
    look(account)
    bot.chats = [Chat("-2", "晨跑二群")]

    rows = look(account, now=NOON.replace(hour=13))

    assert bot.asked == [(TOKEN, False)] * 2
    assert [(row.chat, row.title, row.kind, row.seen_at.hour) for row in rows] == [
        ("-2", "晨跑二群", "chat", 13),
        ("8", "李姐", "person", 12),
    ]
    assert [entry.after for entry in AuditEntry.objects.filter(verb="connection.looked").order_by("id")] == [
        {"count": 2},
        {"count": 1},
    ]


def test_a_title_is_kept_as_far_as_it_can_be_and_no_odd_id(bot, account) -> None:
    bot.chats = [
        Chat("-2", "a\x00b\n" + "长" * 300),
        Chat("-3", "\u200b"),
        Chat("x" * 129, "t"),
        Chat("", "t"),
        Chat("a\x00", "t"),
    ]
    rows = {row.chat: row.title for row in look(account)}
    assert rows == {"-2": ("a b " + "长" * 300)[:200], "-3": "-3"}


def test_the_platforms_words_are_told_when_it_says_nothing(bot, account) -> None:
    bot.words = "missing_scope: channels:read"
    with pytest.raises(ChatsNotTold) as caught:
        look(account)
    assert caught.value.message == "missing_scope: channels:read"
    assert not FoundChat.objects.exists()
    assert not AuditEntry.objects.filter(verb="connection.looked").exists()


def test_a_platform_that_does_not_say_is_not_asked(workspace) -> None:
    robot = make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY)
    with pytest.raises(ChatsNotTold):
        look(robot.connection)


# --- bound ----------------------------------------------------------------------------------------------


def test_a_found_chat_becomes_a_channel_of_the_same_account_once(account, owner) -> None:
    chat = found(account)
    made = bind(chat, actor=owner.actor)
    again = bind(chat, name="another name", actor=owner.actor)
    assert (made.pk, made.connection_id, made.name, made.address) == (again.pk, account.pk, "晨跑 2 群", {"chat": "-2"})
    entry = AuditEntry.objects.get(verb="endpoint.created", target_id=str(made.pk))
    assert entry.after == {"name": "晨跑 2 群", "platform": "slack", "connection": account.pk}
    assert (live_chats(account), Connection.objects.count()) == (["-1", "-2"], 1)


def test_a_person_becomes_a_channel_of_a_person(account) -> None:
    services.note_chat(connection=account, chat=Chat("8", "李姐", is_person=True), now=NOON)
    assert bind(FoundChat.objects.get()).kind == "person"


def test_a_chat_that_got_a_channel_another_way_is_refused(account) -> None:
    add(account, "-2", name="手工")
    for attempt in (lambda: bind(found(account)), lambda: add(account, "-2"), lambda: bind(found(account, "-1", "x"))):
        with pytest.raises(InvalidInput) as caught:
            attempt()
        assert caught.value.field == "chat"
    assert live_chats(account) == ["-1", "-2"]


def test_archiving_a_channel_frees_its_chat(account) -> None:
    chat = found(account)
    first = bind(chat)
    services.archive_endpoint(endpoint=first, actor=SYSTEM, now=NOON)
    second = bind(chat)
    assert first.pk != second.pk
    assert live_chats(account) == ["-1", "-2"]
    services.archive_endpoint(endpoint=second, actor=SYSTEM, now=NOON)
    assert add(account, "-2").pk != second.pk


@pytest.mark.parametrize(
    ("name", "config", "refusal"),
    [
        ("", {"chat": "-2"}, InvalidInput),
        ("n", {"chat": "two"}, ConfigRefused),
        ("n", {}, ConfigRefused),
        ("n", {"chat": "-2", "token": "another"}, ConfigRefused),
    ],
)
def test_nothing_is_added_when_something_is_wrong(account, name, config, refusal) -> None:
    with pytest.raises(refusal):
        services.add_chat(connection=account, name=name, config=config, actor=SYSTEM, now=NOON)
    assert live_chats(account) == ["-1"]


def test_an_account_that_is_one_chat_takes_no_other(workspace) -> None:
    robot = make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY)
    with pytest.raises(InvalidInput):
        services.add_chat(connection=robot.connection, name="n", config={}, actor=SYSTEM, now=NOON)
    assert Endpoint.objects.count() == 1


# --- an account that others share -----------------------------------------------------------------------


def update(endpoint, **changes) -> Endpoint:
    facts = {"name": endpoint.name, "config": {}} | changes
    return services.update_endpoint(endpoint=endpoint, **facts, actor=SYSTEM, now=NOON)


def test_a_shared_account_keeps_its_name_and_its_new_key_is_for_all(channel, account) -> None:
    other = bind(found(account))
    before = account.name

    update(other, name="改名", config={"token": "another-token"})

    fresh = Connection.objects.get()
    assert (fresh.name, fresh.secret) == (before, {"token": "another-token"})
    assert [row.name for row in Endpoint.objects.order_by("id")] == [channel.name, "改名"]
    assert [row.address["chat"] for row in Endpoint.objects.order_by("id")] == ["-1", "-2"]
    entry = AuditEntry.objects.get(verb="endpoint.changed")
    assert entry.after["has_new_secret"] is True
    assert "another-token" not in str(entry.after)


def test_the_last_channel_of_an_account_names_it_again(channel, account) -> None:
    other = bind(found(account))
    services.archive_endpoint(endpoint=channel, actor=SYSTEM, now=NOON)
    update(other, name="改名")
    assert Connection.objects.get().name == "改名"


def test_a_channels_chat_can_be_changed_but_not_to_one_that_has_a_channel(channel, account) -> None:
    bind(found(account))
    with pytest.raises(InvalidInput):
        update(channel, config={"chat": "-2"})
    assert Endpoint.objects.get(pk=channel.pk).address == {"chat": "-1"}
    update(channel, config={"chat": "-3"})
    assert live_chats(account) == ["-3", "-2"]
    assert AuditEntry.objects.get(verb="endpoint.changed").after["has_new_chat"] is True


# --- over REST ------------------------------------------------------------------------------------------


def test_a_tool_finds_and_binds_chats(api, bot, account) -> None:
    bot.chats = [Chat("-2", "晨跑 2 群")]
    base = f"/api/v1/connections/{account.pk}/"

    assert api.post(f"{base}chats/look/").json() == {"count": 1}
    (row,) = api.get(f"{base}chats/").json()["results"]
    assert {**row, "id": 0, "seen_at": ""} == {
        "id": 0, "connection": account.pk, "chat": "-2", "title": "晨跑 2 群", "kind": "chat", "seen_at": "",
        "endpoint": None,
    }  # fmt: skip
    made = api.post(f"/api/v1/found-chats/{row['id']}/bind/", {"name": "二群"}).json()
    assert (made["name"], made["connection"], made["platform"]) == ("二群", account.pk, "slack")
    assert api.get(f"/api/v1/found-chats/{row['id']}/").json()["endpoint"] == made["id"]
    typed = api.post(f"{base}chats/", {"name": "三群", "config": {"chat": "-3"}})
    assert (typed.status_code, typed.json()["connection"]) == (201, account.pk)
    (mine,) = api.get("/api/v1/connections/").json()["results"]
    assert (mine["channel_count"], mine["has_many_chats"], mine["hint"]) == (3, True, "bot")
    assert TOKEN not in api.get("/api/v1/connections/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_looking_is_never_in_a_transaction_whatever_key_comes_with_it(api, bot, account) -> None:
    for _ in range(2):
        answer = api.post(f"/api/v1/connections/{account.pk}/chats/look/", headers={"Idempotency-Key": "k"})
        assert answer.status_code == 200
    assert bot.asked == [(TOKEN, False)] * 2


def test_refusals_over_rest_name_what_is_wrong(api, bot, account) -> None:
    bot.words = "invalid_auth"
    base = f"/api/v1/connections/{account.pk}/chats/"
    looked = api.post(f"{base}look/")
    assert (looked.status_code, looked.json()["code"], looked.json()["message"]) == (
        409,
        "chats_not_told",
        "invalid_auth",
    )
    assert set(api.post(base, {"name": "n", "config": {"chat": "-1"}}).json()) == {"chat"}
    assert set(api.post(base, {"name": "n", "config": {"chat": "x"}}).json()) == {"config"}
    assert set(api.post(base, {}).json()) == {"name", "config"}


@pytest.mark.parametrize("role", ["moderator", "helper", "viewer"])
def test_a_role_that_may_not_see_channels_is_refused(workspace, api_of, account, role) -> None:
    tool, chat = api_of(workspace, role), found(account)
    for answer in (
        tool.get("/api/v1/connections/"),
        tool.get(f"/api/v1/connections/{account.pk}/chats/"),
        tool.post(f"/api/v1/connections/{account.pk}/chats/look/"),
        tool.post(f"/api/v1/found-chats/{chat.pk}/bind/"),
    ):
        assert answer.status_code == 403
    assert live_chats(account) == ["-1"]


# --- pages ----------------------------------------------------------------------------------------------


@pytest.fixture
def tab(signed_in, owner):
    return signed_in(owner)


@pytest.fixture
def url(workspace):
    return lambda name, *args: reverse(f"messaging:{name}", args=[workspace.slug, *args])


def test_the_page_finds_binds_and_names_the_channel(tab, url, bot, account) -> None:
    here = url("connection_chats", account.pk)
    assert here in tab.get(url("endpoints")).content.decode()
    assert tab.get(here).context["chats"] == []
    bot.chats = [Chat("-2", "晨跑 2 群"), Chat("-1", "晨跑 1 群")]

    page = tab.post(url("connection_look", account.pk), follow=True)
    assert {row["chat"].title: bool(row["channel"]) for row in page.context["chats"]} == {
        "晨跑 2 群": False, "晨跑 1 群": True,
    }  # fmt: skip
    page = tab.post(url("chat_bind", FoundChat.objects.get(chat="-2").pk), follow=True)

    assert all(row["channel"] for row in page.context["chats"])
    assert "晨跑 2 群" in page.content.decode()
    assert live_chats(account) == ["-1", "-2"]


def test_a_typed_id_is_added_and_a_wrong_one_refused_at_its_field(tab, url, account) -> None:
    here = url("connection_chats", account.pk)
    refused = tab.post(here, {"name": "三群", "chat": "three"})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["chat"])
    taken = tab.post(here, {"name": "三群", "chat": "-1"})
    assert (taken.status_code, list(taken.context["form"].errors)) == (422, ["chat"])
    assert "token" not in taken.context["form"].fields
    assert tab.post(here, {"name": "三群", "chat": "-3"}).status_code == 302
    assert live_chats(account) == ["-1", "-3"]


def test_the_platforms_refusal_is_told_on_the_page(tab, url, bot, account) -> None:
    bot.words = "not_authed <b>"
    page = tab.post(url("connection_look", account.pk), follow=True).content.decode()
    assert "not_authed &lt;b&gt;" in page


def test_the_channels_page_says_how_many_chats_the_account_serves(tab, url, channel, account) -> None:
    assert tab.get(url("endpoint_edit", channel.pk)).context["beside"] == 0
    bind(found(account))
    assert tab.get(url("endpoint_edit", channel.pk)).context["beside"] == 1
    changed = tab.post(url("endpoint_edit", channel.pk), {"name": "新名", "chat": "-1"})
    assert changed.status_code == 302
    assert Connection.objects.get().name == account.name


def test_an_optional_setting_can_be_emptied_on_the_page(tab, url, workspace) -> None:
    facts = {"host": "smtp.example.com", "sender": "a@example.com", "chat": "b@example.org"}
    mail = make_endpoint(workspace, "email", **facts, sender_name="晨跑团")
    form = facts | {"name": "信", "port": "465", "security": "tls", "sender_name": ""}
    assert tab.post(url("endpoint_edit", mail.pk), form).status_code == 302
    assert Connection.objects.get().config == {
        "host": "smtp.example.com", "port": 465, "security": "tls", "sender": "a@example.com", "hint": "a@example.com",
    }  # fmt: skip


def test_an_account_that_is_one_chat_has_no_such_page(tab, url, workspace) -> None:
    robot = make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY)
    assert tab.get(url("connection_chats", robot.connection_id)).status_code == 404
    assert tab.post(url("connection_look", robot.connection_id)).status_code == 404


def test_reading_the_chats_asks_the_database_a_few_times_only(owner, account, django_assert_max_num_queries) -> None:
    for number in range(20):
        bind(found(account, f"-{number + 10}", f"群 {number}"))
    with django_assert_max_num_queries(1):
        assert len(selectors.channels_of_chats(account)) == 21
