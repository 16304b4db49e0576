"""E-mail, played by a real mail server and by scripted ones that break off where it hurts."""

import email
import io
import logging
import socket
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default as modern

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from community_ops.common import net
from community_ops.common.assets import store_image
from messaging import services
from messaging.errors import ConfigRefused
from messaging.markup import render
from messaging.models import Endpoint
from messaging.platforms import registry, smtp_calls
from messaging.platforms.base import Outgoing
from messaging.platforms.email_smtp.adapter import mail_of, message_id_of, subject_of
from messaging.platforms.email_smtp.dialect import MailDialect, document
from tests.messaging.conftest import make_endpoint
from tests.messaging.platforms.mail_server import PASSWORD, PLAYED, USER, Script, make_certificate, real_server
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)
TO = "li.jie@example.org"
BASE = {"host": "127.0.0.1", "security": "none", "sender": USER, "chat": TO}
PUBLIC = {"host": "smtp.example.com", "sender": USER, "chat": TO}


def outgoing(**changes) -> Outgoing:
    facts = {
        "workspace_id": 1, "delivery_id": 7, "endpoint_id": 3, "announcement_id": None, "group_id": None,
        "text": "今晚八点开抢", "sent_at": NOON, "signed_at": NOON, "config": PUBLIC | {"port": 587}, "secret": {},
        "address": {"chat": TO}, "label": "晨跑 1 群",
    }  # fmt: skip
    return Outgoing(**facts | changes)


def received(server) -> EmailMessage:
    (envelope,) = server.handler.envelopes
    return email.message_from_bytes(envelope.original_content, policy=modern)


def words(part: EmailMessage) -> str:
    return part.get_content().replace("\r\n", "\n")


# --- what arrives --------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with real_server() as server:
        yield server


@pytest.fixture
def mailbox(workspace, server) -> Endpoint:
    return make_endpoint(workspace, "email", **BASE, port=server.port, sender_name="晨跑团 “早”")


def test_a_plain_mail_arrives_as_it_was_written(mailbox, server, plan, deliver, fresh) -> None:
    text = "今晚八点开抢 🎉 **3** <b>\n.一行以点开头\n" + "长" * 2000
    delivery = plan(mailbox, text=text)

    deliver()

    mail = received(server)
    row = fresh(delivery)
    assert (row.state, row.platform_code, row.platform_text) == ("accepted", "250", "2.0.0 Ok: queued as 4F1")
    assert row.platform_message_id == mail["Message-ID"]
    assert (mail.get_content_type(), words(mail)) == ("text/plain", f"{text}\n")
    assert (mail["Subject"], mail["To"], mail["Auto-Submitted"]) == ("晨跑 1 群", TO, "auto-generated")
    assert (mail["From"].addresses[0].display_name, mail["From"].addresses[0].addr_spec) == ("晨跑团 “早”", USER)
    assert mail["Date"].datetime is not None
    (envelope,) = server.handler.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (USER, [TO])


def test_a_markdown_mail_has_plain_words_and_html(mailbox, server, plan, deliver) -> None:
    plan(mailbox, text="# 今晚\n**开抢** [看](https://c.example/?a=1&b=2) <script>\n@[李姐](u1)", is_markdown=True)
    deliver()
    mail = received(server)
    plain, html = words(mail.get_body(("plain",))), words(mail.get_body(("html",)))
    assert mail.get_content_type() == "multipart/alternative"
    assert plain == "今晚\n开抢 看 https://c.example/?a=1&b=2 <script>\n@李姐\n"
    assert "<h1>今晚</h1>\n<strong>开抢</strong>" in html
    assert '<a href="https://c.example/?a=1&amp;b=2">看</a> &lt;script&gt;<br>\n@李姐<br>' in html


def test_an_image_goes_along_in_the_same_mail(workspace, mailbox, server, plan, deliver, fresh) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "PNG")
    asset = store_image(SimpleUploadedFile("海报.png", file.getvalue()), workspace_id=workspace.pk)
    delivery = plan(mailbox, text="看图", image_id=asset.pk)

    deliver()

    (image,) = received(server).iter_attachments()
    assert (fresh(delivery).state, fresh(delivery).part_count) == ("accepted", 1)
    assert (image.get_content_disposition(), image.get_filename()) == ("inline", "image.jpeg")
    assert Image.open(io.BytesIO(image.get_content())).size == (40, 30)
    assert words(received(server).get_body(("plain",))) == "看图\n"
    assert server.handler.envelopes[0].rcpt_tos == [TO]


@pytest.mark.parametrize("text", ['"><img src=x onerror=1>', "</body><script>1</script>", "<h1>no heading"])
def test_no_markup_of_a_text_reaches_the_html(text) -> None:
    html = document(render(f"{text}\n**{text}**\n> {text}", is_markdown=True, dialect=MailDialect()))
    assert not any(tag in html for tag in ("<img", "<script", "<h1"))
    assert html.count("</body>") == 1


# --- its head ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"label": "", "text": "**今晚**开抢\n第二行", "is_markdown": True}, "今晚开抢"),
        ({"label": "群\r\nBcc: x@example.org"}, "群 Bcc: x@example.org"),
        (
            {"label": "", "text": "待发 1 张：20:00 开抢 · 5 个群 → https://ops.example/t/"},
            "待发 1 张：20:00 开抢 · 5 个群",
        ),
        ({"label": "", "text": "https://ops.example/t/"}, "https://ops.example/t/"),
        ({"label": "", "text": "a\u2028b\x00c"}, "a b c"),
        ({"label": "长" * 90}, "长" * 77 + "…"),
        ({"label": "长" * 76 + "👨‍👩‍👧‍👦后后"}, "长" * 76 + "…"),
        ({"label": "长" * 76 + "🇨🇳后"}, "长" * 76 + "…"),
        ({"label": "👨‍👩‍👧‍👦 家"}, "👨‍👩‍👧‍👦 家"),
        ({"part": 1, "part_count": 3}, "晨跑 1 群 (2/3)"),
    ],
)
def test_the_subject_is_one_line(changes, subject) -> None:
    message = outgoing(**changes)
    assert subject_of(message) == subject
    assert mail_of(message)["Bcc"] is None


def test_the_message_id_is_the_same_for_each_try_and_for_nothing_else() -> None:
    first = message_id_of(outgoing())
    assert message_id_of(outgoing(sent_at=LATER, text="还剩 2 件")) == first
    others = [
        outgoing(delivery_id=8),
        outgoing(part_count=2),
        outgoing(address={"chat": "b@example.org"}),
        outgoing(config=PUBLIC | {"host": "smtp2.example.com"}),
    ]
    assert len({first, *map(message_id_of, others)}) == 5
    assert TO not in first


# --- encryption and login ------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_encrypted_after_a_login(workspace, trusted, plan, deliver, fresh, security) -> None:
    with real_server(**{security: trusted}, auth=True) as server:
        account = BASE | {"host": "localhost", "security": security, "username": USER, "password": PASSWORD}
        delivery = plan(make_endpoint(workspace, "email", **account, port=server.port))
        deliver()
        assert fresh(delivery).state == "accepted"
        assert (server.handler.was_encrypted, server.handler.logins) == ([True], [USER])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_whose_certificate_is_of_another_name_gets_nothing(
    workspace, tmp_path, monkeypatch, plan, deliver, fresh, security
) -> None:
    other = make_certificate(tmp_path, "mail.elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with real_server(**{security: other}) as server:
        account = BASE | {"host": "localhost", "security": security}
        delivery = plan(make_endpoint(workspace, "email", **account, port=server.port))
        deliver()
        assert server.handler.envelopes == []
    row = fresh(delivery)
    assert (row.state, row.platform_code) == ("planned", "not_sent")
    assert "certificate" in row.platform_text


def test_a_wrong_password_is_never_tried_again_and_said_in_words(
    workspace, trusted, plan, deliver, fresh, caplog
) -> None:
    caplog.set_level(logging.DEBUG)
    with real_server(starttls=trusted, auth=True) as server:
        account = BASE | {"host": "localhost", "security": "starttls", "username": USER, "password": "wrong-password"}
        delivery = plan(make_endpoint(workspace, "email", **account, port=server.port), text="机密内容")
        deliver()
        deliver(LATER)
        assert server.handler.envelopes == []
    row = fresh(delivery)
    assert (row.state, row.reason, row.attempt_count) == ("failed", "refused", 1)
    assert row.platform_code == "login_refused"
    assert row.platform_text.startswith("535 ")
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail."))
    assert not [secret for secret in ("wrong-password", TO, "机密内容") if secret in ours + row.platform_text]


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ({"security": "starttls"}, "no_encryption"),
        ({"username": USER, "password": PASSWORD}, "login_refused"),
    ],
)
def test_a_server_that_does_not_offer_it_is_a_refusal(workspace, server, plan, deliver, fresh, account, code):
    delivery = plan(make_endpoint(workspace, "email", **BASE | account, port=server.port))
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("failed", code)
    assert server.handler.envelopes == []


# --- every word of a server ----------------------------------------------------------------------------


def play(workspace, plan, deliver, fresh, *replies):
    with Script(*replies) as server:
        delivery = plan(make_endpoint(workspace, "email", **BASE, port=server.port), text="机密内容")
        deliver()
    return fresh(delivery), server


@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize(
    ("said", "state", "code"),
    [
        ("451 4.7.1 try again later", "planned", "451"),
        ("421 4.3.2 going down", "planned", "421"),
        ("550 5.7.1 not you", "failed", "550"),
        ("552 5.3.4 too big", "failed", "552"),
    ],
)
def test_4xx_is_later_and_5xx_never_at_each_step(workspace, plan, deliver, fresh, step, said, state, code) -> None:
    replies = (*PLAYED[:step], said)
    row, _ = play(workspace, plan, deliver, fresh, *replies)
    assert (row.state, row.platform_code, row.platform_text) == (state, code, said[4:])


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("said", ["", "what?", "999 odd", "HTTP/1.1 400 Bad Request"])
def test_what_breaks_off_before_the_mail_is_sent_has_sent_nothing(workspace, plan, deliver, fresh, step, said) -> None:
    row, server = play(workspace, plan, deliver, fresh, *PLAYED[:step], said)
    assert (row.state, row.reason, row.platform_code) == ("planned", "retrying", "not_sent")
    assert b".\r\n" not in server.heard


@pytest.mark.parametrize("said", ["", "what?", "999 odd", None])
def test_no_readable_answer_after_the_end_is_unknown_and_not_repeated(
    workspace, plan, deliver, fresh, monkeypatch, said
) -> None:
    monkeypatch.setattr(smtp_calls, "STEP_SECONDS", 0.5)
    row, server = play(workspace, plan, deliver, fresh, *PLAYED[:5], said)
    deliver(LATER)
    assert (row.state, row.reason) == ("unknown", "no_answer")
    assert server.heard[-1] == b".\r\n"
    assert fresh(row).attempt_count == 1


def test_a_server_that_is_silent_or_dribbles_holds_nobody(workspace, plan, deliver, fresh, monkeypatch) -> None:
    monkeypatch.setattr(smtp_calls, "WHOLE_SECONDS", 0.6)
    over = smtp_calls.time.monotonic() + 3
    row, _ = play(workspace, plan, deliver, fresh, "220-still\r\n" * 3 + "220-", None)
    assert (row.state, row.platform_code) == ("planned", "not_sent")
    assert smtp_calls.time.monotonic() < over


def test_a_server_that_says_no_goodbye_has_taken_the_mail(workspace, plan, deliver, fresh, monkeypatch) -> None:
    monkeypatch.setattr(smtp_calls, "GOODBYE_SECONDS", 0.2)
    row, _ = play(workspace, plan, deliver, fresh, *PLAYED, None)
    assert row.state == "accepted"


def test_the_receivers_address_is_not_kept_in_what_the_server_said(workspace, plan, deliver, fresh, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    row, _ = play(workspace, plan, deliver, fresh, *PLAYED[:3], "550 5.1.1 <Li.Jie@example.org>: unknown user")
    assert row.platform_text == "5.1.1 <…>: unknown user"
    assert not [word for word in (TO, "机密内容") if word in caplog.text]


def test_nobody_at_the_address_is_tried_again(workspace, plan, deliver, fresh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    delivery = plan(make_endpoint(workspace, "email", **BASE, port=port))
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code) == ("planned", "not_sent")


@pytest.mark.parametrize("addresses", [["10.0.0.5"], ["93.184.215.14", "169.254.169.254"], ["127.0.0.1"]])
def test_a_name_that_leads_into_a_private_network_is_refused(
    workspace, plan, deliver, fresh, monkeypatch, settings, addresses
) -> None:
    settings.ALLOW_LOOPBACK_ENDPOINTS = False
    monkeypatch.setattr(net, "_ask_resolver", lambda host, port, found: found.extend(map(_address, addresses)))
    called = []
    monkeypatch.setattr(smtp_calls.socket, "create_connection", lambda *given, **_: called.append(given))
    delivery = plan(make_endpoint(workspace, "email", **PUBLIC))
    deliver()
    assert (fresh(delivery).state, fresh(delivery).platform_code, called) == ("failed", "address_refused", [])


def _address(text):
    return net.ipaddress.ip_address(text)


# --- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"host": ""}, "host"),
        ({"host": "10.0.0.1"}, "host"),
        ({"host": "0xa.1"}, "host"),
        ({"host": "smtp.example.com:25"}, "host"),
        ({"host": "user@smtp.example.com"}, "host"),
        ({"port": 0}, "port"),
        ({"port": "587"}, "port"),
        ({"security": "none"}, "security"),
        ({"security": "ssl"}, "security"),
        ({"username": "u"}, "password"),
        ({"password": "p"}, "username"),
        ({"username": "u", "password": "密码"}, "password"),
        ({"username": "u\r\nRCPT", "password": "p"}, "username"),
        ({"sender": "nobody"}, "sender"),
        ({"sender": "a@b@example.com"}, "sender"),
        ({"sender_name": "团\r\nBcc: x@example.org"}, "sender_name"),
        ({"sender_name": "团\nx"}, "sender_name"),
        ({"chat": "a@example"}, "chat"),
        ({"chat": "a@example.com,b@example.com"}, "chat"),
        ({"chat": "<a@example.com>"}, "chat"),
        ({"chat": "a@example.com\r\nDATA"}, "chat"),
        ({"chat": "a" * 65 + "@example.com"}, "chat"),
        ({"chat": "李@example.com"}, "chat"),
        ({"smtp": 1}, "smtp"),
    ],
)
def test_settings_that_cannot_work_are_refused_naming_the_setting(changes, key) -> None:
    with pytest.raises(ConfigRefused) as caught:
        registry.get("email").read_config(PUBLIC | changes)
    assert caught.value.extra["key"] == key


def test_none_is_only_for_this_machine_in_development(settings) -> None:
    assert registry.get("email").read_config(BASE).config["security"] == "none"
    settings.ALLOW_LOOPBACK_ENDPOINTS = False
    with pytest.raises(ConfigRefused) as caught:
        registry.get("email").read_config(BASE)
    assert caught.value.extra["key"] == "host"


def test_an_account_is_told_apart_by_its_sender_and_keeps_its_password(workspace) -> None:
    made = make_endpoint(workspace, "email", **PUBLIC, username=USER, password=PASSWORD, port=465, security="tls")
    assert (made.kind, made.address, made.connection.config["hint"]) == ("person", {"chat": TO}, USER)
    assert made.connection.secret == {"password": PASSWORD}
    assert PASSWORD not in str(made.connection.config)


@pytest.mark.parametrize("change", [{"host": "evil.example.com"}, {"port": 2525}, {"security": "tls"}])
def test_a_stored_password_is_not_led_to_another_server(workspace, owner, change) -> None:
    made = make_endpoint(workspace, "email", **PUBLIC, username=USER, password=PASSWORD)
    facts = {"endpoint": made, "name": "n", "actor": owner.actor, "now": NOON}
    with pytest.raises(ConfigRefused) as caught:
        services.update_endpoint(config=change, **facts)
    assert caught.value.extra["key"] == "password"
    assert Endpoint.objects.get().connection.config == made.connection.config
    changed = services.update_endpoint(config=change | {"password": "typed again"}, **facts)
    assert changed.connection.secret == {"password": "typed again"}


def test_a_test_mail_has_the_channels_name_as_its_subject(mailbox, server, owner) -> None:
    result = services.send_test_message(endpoint=mailbox, actor=owner.actor, now=NOON)
    assert (result.outcome, received(server)["Subject"]) == ("accepted", mailbox.name)
