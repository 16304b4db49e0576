"""The apprise library as an extra: what it may reach, what its word is worth, and life without it."""

import importlib.util
import io
import logging
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests

from community_ops.common.errors import InvalidInput
from messaging import answer_wording, services
from messaging.errors import ConfigRefused
from messaging.models import Endpoint
from messaging.platforms import registry
from messaging.platforms.apprise_extra import adapter as ours
from messaging.platforms.apprise_extra.config import OWN_ADAPTERS, SERVICES
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # the library's own
]
LATER = NOON + timedelta(hours=1)
KEY = "k" * 30
PUSHOVER = f"pover://{'u' * 30}@{KEY}"
SAMPLES = {
    "chanify": "chanify://" + "a" * 40,
    "flock": "flock://" + "a" * 24,
    "gchat": "gchat://space/key/token",
    "groupme": "groupme://" + "a" * 26,
    "ifttt": "ifttt://webhookid@event1",
    "join": "join://" + "a" * 32 + "/" + "b" * 32,
    "kook": "kook://bottoken/1234567890",
    "line": "line://token/U1234",
    "onesignal": "onesignal://appid@apikey/playerid",
    "pbul": "pbul://" + "a" * 32,
    "pover": PUSHOVER,
    "prowl": "prowl://" + "a" * 40,
    "pushme": "pushme://token123",
    "pushplus": "pushplus://" + "a" * 32,
    "qq": "qq://" + "a" * 32,
    "revolt": "revolt://bottoken/channel1",
    "schan": "schan://12345678",
    "spugpush": "spugpush://" + "a" * 32,
    "threema": "threema://*GATEWAY@secretsecretsecr/15551237654",
    "viber": "viber://token123/user1",
    "whatsapp": "whatsapp://token@15551237654/15551230000",
    "wxpusher": "wxpusher://AT_appid/UID_user",
    "zalo": "zalo://12345:token/1234",
    "zoom": "zoom://webhookid/token",
}


@pytest.fixture
def called(httpserver, monkeypatch) -> list:
    """Calls of the library led to the local server; where each wanted to go, and how."""
    seen, send = [], requests.Session.send

    def lead(self, request, **facts):
        target = urlsplit(request.url)
        seen.append((target.scheme, target.hostname, facts["timeout"], facts["allow_redirects"], bool(facts["verify"])))
        request.url = httpserver.url_for(target.path)
        return send(self, request, **facts)

    monkeypatch.setattr(requests.Session, "send", lead)
    return seen


@pytest.fixture
def pushover(workspace) -> Endpoint:
    return make_endpoint(workspace, "apprise", url=PUSHOVER)


def answer(httpserver, status=200, body='{"status":1}', **headers) -> None:
    httpserver.expect_request("/1/messages.json").respond_with_data(body, status=status, headers=headers)


# --- where it goes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SERVICES)
def test_each_service_calls_its_vendor_alone_once_encrypted_and_with_our_times(
    workspace, plan, deliver, called, httpserver, scheme
) -> None:
    plan(make_endpoint(workspace, "apprise", url=SAMPLES[scheme]))
    deliver()
    assert called == [("https", SERVICES[scheme][1], (3.0, 5.0), False, True)]


@pytest.mark.parametrize("scheme", SERVICES)
def test_an_account_is_called_by_its_service_and_its_address_is_not_shown(scheme) -> None:
    account = registry.get("apprise").read_config({"url": SAMPLES[scheme]})
    assert (account.config, account.secret) == ({"hint": SERVICES[scheme][0]}, {"url": SAMPLES[scheme]})


@pytest.mark.parametrize("scheme", sorted(OWN_ADAPTERS))
def test_what_has_an_adapter_of_its_own_is_pointed_to(scheme) -> None:
    with pytest.raises(ConfigRefused) as caught:
        registry.get("apprise").read_config({"url": f"{scheme}://token/a/b"})
    assert str(OWN_ADAPTERS[scheme].label) in caught.value.extra["reason"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pover",
        "https://example.com/",
        "gotify://127.0.0.1/token",
        "ntfy://10.0.0.1/topic",
        "apprise://169.254.169.254/token",
        "file:///etc/passwd",
        "syslog://local5",
        "dbus://",
        "gnome://",
        "windows://",
        "macosx://",
        "rsyslog://example.com",
        "matrix://example.com/room",
        f"POVER://{'u' * 30}@{KEY}",
        f"{PUSHOVER} json://10.0.0.1",
        f"{PUSHOVER}?verify=no",
        f"{PUSHOVER}?optional=yes",
        f"{PUSHOVER}#json://10.0.0.1",
        "pover://short",
        5,
    ],
)
def test_addresses_that_lead_elsewhere_are_refused_naming_the_setting(url) -> None:
    with pytest.raises(ConfigRefused) as caught:
        registry.get("apprise").read_config({"url": url})
    assert caught.value.extra["key"] == "url"
    assert KEY not in str(caught.value)


# --- what its word is worth -----------------------------------------------------------------------------


def test_a_yes_is_accepted_and_marked_as_the_librarys_word(pushover, httpserver, plan, deliver, fresh, called) -> None:
    answer(httpserver)
    delivery = plan(pushover, text="开抢 <b> **3** @[李姐](u1)", is_markdown=True)

    deliver()

    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("accepted", "library", "")
    assert answer_wording.answer_words("library", "") == str(answer_wording.FINDINGS["library"])
    ((request, _),) = httpserver.log
    assert request.form["message"] == "开抢 <b> 3 @李姐"
    assert request.form["title"] == "晨跑 1 群"
    assert registry.get("apprise").capabilities.evidence == "library"


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_no_is_in_doubt_with_the_status_the_library_mentions(
    pushover, httpserver, plan, deliver, fresh, called, status
) -> None:
    answer(httpserver, status)
    delivery = plan(pushover)
    deliver()
    deliver(LATER)
    row = fresh(delivery)
    assert (row.state, row.reason, row.platform_code, row.attempt_count) == ("unknown", "no_answer", str(status), 1)


def test_no_answer_is_in_doubt_and_ends_in_time(
    pushover, httpserver, plan, deliver, fresh, called, hang_at, monkeypatch
) -> None:
    monkeypatch.setattr(ours, "_OPTIONS", ours._OPTIONS.replace("rto=5.0", "rto=0.3"))
    hang_at("/1/messages.json")
    delivery, begun = plan(pushover), time.monotonic()
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "library_failed")
    assert time.monotonic() - begun < 3


def test_a_service_that_takes_longer_than_the_whole_time_is_in_doubt(
    pushover, httpserver, plan, deliver, fresh, called, hang_at, monkeypatch
) -> None:
    monkeypatch.setattr(ours, "WHOLE_SECONDS", 0.3)
    hang_at("/1/messages.json")
    delivery = plan(pushover)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("unknown", "library_failed")


def test_a_redirect_is_not_followed(pushover, httpserver, plan, deliver, fresh, called) -> None:
    answer(httpserver, 302, Location=httpserver.url_for("/elsewhere"))
    delivery = plan(pushover)
    deliver()
    assert [request.path for request, _ in httpserver.log] == ["/1/messages.json"]
    assert (fresh(delivery).state, len(called)) == ("unknown", 1)


def test_several_messages_in_a_row_do_not_sleep(pushover, httpserver, plan, deliver, called) -> None:
    answer(httpserver)
    for _ in range(4):
        plan(pushover)
    begun = time.monotonic()
    deliver()
    assert len(called) == 4
    assert time.monotonic() - begun < 4


def test_a_text_that_the_service_would_cut_is_refused(workspace, plan, deliver, fresh, called, monkeypatch) -> None:
    endpoint = make_endpoint(workspace, "apprise", url=SAMPLES["groupme"])
    monkeypatch.setattr("apprise.plugins.groupme.NotifyGroupMe.body_maxlen", 5)
    delivery = plan(endpoint, text="今晚八点开抢")
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code, called) == ("failed", "too_long_there", [])


def test_every_service_takes_as_much_as_is_promised() -> None:
    limit = registry.get("apprise").capabilities.text.limit
    assert all(ours._service(url).body_maxlen >= limit for url in SAMPLES.values())


@pytest.fixture
def logged(monkeypatch):
    """What the whole program would write at the finest level; pytest's own capture also hears what goes nowhere."""
    kept = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [kept])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    return kept.stream


def test_no_address_and_no_text_reaches_a_log(pushover, httpserver, plan, deliver, fresh, called, logged) -> None:
    logging.getLogger("tests").debug("it writes")
    answer(httpserver, 400, '{"errors":["user identifier is invalid"]}')
    delivery = plan(pushover, text="机密内容")
    deliver()
    told = logged.getvalue() + fresh(delivery).platform_text
    assert "it writes" in told
    assert not [word for word in (KEY, "u" * 30, "机密内容") if word in told]


# --- without the library --------------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "apprise" else real(name, *rest)
    )


def test_it_is_offered_where_the_library_is_installed() -> None:
    assert "apprise" in registry.names()


def test_without_the_library_it_is_not_offered_and_no_account_is_made(without, workspace, owner, signed_in) -> None:
    assert "apprise" not in registry.names()
    with pytest.raises(InvalidInput) as caught:
        make_endpoint(workspace, "apprise", url=PUSHOVER)
    assert caught.value.field == "platform"
    assert signed_in(owner).get(f"/w/{workspace.slug}/endpoints/new/apprise/").status_code == 404


def test_a_stored_account_without_the_library_ends_refused_in_words(
    workspace, pushover, plan, deliver, fresh, called, request, owner, signed_in
) -> None:
    request.getfixturevalue("without")
    delivery = plan(pushover)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code, called) == ("failed", "library_missing", [])
    assert answer_wording.answer_words("library_missing", "x") == str(answer_wording.FINDINGS["library_missing"])
    assert signed_in(owner).get(f"/w/{workspace.slug}/endpoints/{pushover.pk}/").status_code == 200
    services.archive_endpoint(endpoint=pushover, actor=owner.actor, now=NOON)
