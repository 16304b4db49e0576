"""The seam for encrypted callbacks: a signature in the query, a body that is no JSON, a GET that tries the address."""

import base64
import json

import pytest

from messaging.inbound_models import RawEvent
from messaging.models import InboundEvent
from messaging.platforms import registry
from messaging.platforms.inbound import CallRefused, Inbound
from messaging.platforms.signed_events import SignedEvents
from messaging.services import receiving
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db


class Encrypted(Inbound):
    """Plays WeCom: base64 stands for its cipher, the key in the query for its signature."""

    def make_key(self) -> str:
        return "the-key"

    def authenticate(self, call, keys) -> None:
        if call.query.get("msg_signature") not in keys:
            raise CallRefused("signature")

    def content_of(self, call, keys):
        return json.loads(base64.b64decode(call.body.removeprefix(b"<xml>").removesuffix(b"</xml>")))

    def kept(self, call, content) -> str:
        return json.dumps(content)

    def identity(self, call, content) -> str:
        return content["MsgId"]

    def interpret(self, content, identity):
        event = {"kind": "message", "occurred_at": "2026-11-21T12:00:00Z", "author": content["From"]}
        return SignedEvents().interpret(event | {"text": content["Content"]}, identity)

    def greet(self, call, keys) -> str:
        self.authenticate(call, keys)
        return call.query["echostr"]

    def answer(self, *, is_new):
        return "text/plain", "success"


@pytest.fixture
def code(room, monkeypatch):
    monkeypatch.setattr(type(registry.get("sandbox")), "inbound", Encrypted())
    return receiving.open_route(connection=room.connection, actor=SYSTEM, now=NOON)[0].code


def test_an_encrypted_callback_is_heard(client, code, group, read) -> None:
    words = base64.b64encode(json.dumps({"MsgId": "1", "From": "u-1", "Content": "早上好"}).encode())
    url = f"/hooks/{code}/?msg_signature=the-key"
    answer = client.post(url, data=b"<xml>" + words + b"</xml>", content_type="text/xml")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"success", "text/plain")
    read()
    assert InboundEvent.objects.get().text == "早上好"


def test_a_wrong_signature_in_the_query_is_401(client, code) -> None:
    answer = client.post(f"/hooks/{code}/?msg_signature=other", data=b"<xml></xml>", content_type="text/xml")
    assert (answer.status_code, RawEvent.objects.count()) == (401, 0)


def test_the_platforms_try_of_the_address_is_answered(client, code) -> None:
    good = client.get(f"/hooks/{code}/", {"msg_signature": "the-key", "echostr": "1616140317555161061"})
    bad = client.get(f"/hooks/{code}/", {"msg_signature": "x", "echostr": "1"})
    assert (good.status_code, good.content, bad.status_code) == (200, b"1616140317555161061", 401)
