"""The main job as one story: build, bring people in, announce, sell, look; by page, command, worker and REST."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from werkzeug import Request, Response

from community_ops.common import clock, outbox
from conversion.tasks import expire_due_orders, watch_sales
from messaging.tasks import deliver_due

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "whsec_" + base64.b64encode(b"a secret of the receiver").decode()


class Receiver:
    """Plays a webhook's owner and the WeCom robot; keeps what arrived."""

    def __init__(self, server) -> None:
        self.hooks: list[tuple[dict, dict]] = []
        self.robot: list[dict] = []
        server.expect_request("/hook", method="POST").respond_with_handler(self.take_hook)
        server.expect_request("/cgi-bin/webhook/send", method="POST").respond_with_handler(self.take_robot)
        self.url = server.url_for("").rstrip("/")

    def take_hook(self, request: Request) -> Response:
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.data
        digest = hmac.new(b"a secret of the receiver", signed, hashlib.sha256).digest()
        assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        self.hooks.append((dict(request.headers), json.loads(request.data)))
        return Response(status=204)

    def take_robot(self, request: Request) -> Response:
        self.robot.append(json.loads(request.data))
        return Response(json.dumps({"errcode": 0, "errmsg": "ok"}), content_type="application/json")


@pytest.fixture
def receiver(httpserver) -> Receiver:
    return Receiver(httpserver)


def make(api, path: str, **body):
    answer = api.post(f"/api/v1/{path}", body)
    assert answer.status_code in (200, 201), answer.content
    return answer.json()


def work(time_machine, **ahead: float) -> None:
    """Let that much time pass and every tick happen, twice."""
    time_machine.move_to(clock.now() + timedelta(**ahead))
    for _ in range(2):
        watch_sales()
        expire_due_orders()
        outbox.drain(now=clock.now())
        deliver_due()


def states(api, **filters) -> list[str]:
    query = "&".join(f"{key}={value}" for key, value in filters.items())
    return [row["state"] for row in api.get(f"/api/v1/deliveries/?{query}").json()["results"]]


def test_an_operator_runs_a_community_end_to_end(
    api, owner, signed_in, receiver, tmp_path: Path, time_machine, capsys
) -> None:
    time_machine.move_to(clock.now())
    slug = owner.workspace.slug
    browser = signed_in(owner)
    assert "7" in browser.get(reverse("dashboard:today", args=[slug])).content.decode()

    # build
    community = make(
        api, "communities/", name="暖冬社", shared_task="每天走 6000 步", kind="interest", timezone="Asia/Shanghai"
    )
    hook = {"url": f"{receiver.url}/hook", "secret": SECRET}
    robot = {"key": "robot-key-1", "base_url": receiver.url}
    endpoints = [
        make(api, "endpoints/", name="模拟群", platform="sandbox", config={}),
        make(api, "endpoints/", name="Webhook", platform="webhook", config=hook),
        make(api, "endpoints/", name="机器人", platform="wecom_robot", config=robot),
    ]
    groups = [
        make(api, "groups/", community=community["id"], name=f"{number} 群", kind="long_term", endpoint=endpoint["id"])
        for number, endpoint in enumerate(endpoints, start=1)
    ]

    # people
    events = tmp_path / "chat.jsonl"
    lines = [
        {
            "event_id": f"e{n}",
            "time": f"2026-11-20T1{n}:00:00",
            "author": f"群友{n % 2}",
            "kind": "message",
            "text": "早",
        }
        for n in range(4)
    ]
    events.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    for accepted in (4, 0):
        call_command("import_events", str(events), workspace=slug, group=groups[0]["id"])
        report = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
        assert (report["rows"], report["accepted"], report["authors"]) == (4, accepted, 2)
    members = api.get("/api/v1/members/").json()["results"]
    assert {member["name"] for member in members} == {"群友0", "群友1"}

    # announce
    due_at = (clock.now() + timedelta(minutes=1)).isoformat()
    announcement = make(api, "announcements/", groups=[group["id"] for group in groups], text="晚上好", due_at=due_at)
    make(api, f"announcements/{announcement['id']}/schedule/")
    assert states(api, announcement=announcement["id"]) == ["planned"] * 3
    work(time_machine, seconds=61)
    assert states(api, announcement=announcement["id"]) == ["accepted"] * 3
    assert [body["text"] for _, body in receiver.hooks] == ["晚上好"]
    assert receiver.robot == [{"msgtype": "text", "text": {"content": "晚上好"}}]
    room = browser.get(reverse("messaging:room", args=[slug, endpoints[0]["id"]]))
    assert "晚上好" in room.content.decode()

    # sell
    product = make(api, "products/", name="羊毛衫", price_amount="399.00", currency="CNY")
    sale = make(
        api,
        "flash-sales/",
        product=product["id"],
        groups=[groups[0]["id"], groups[1]["id"]],
        starts_at=(clock.now() + timedelta(minutes=30)).isoformat(),
        ends_at=(clock.now() + timedelta(minutes=60)).isoformat(),
        stock=3,
        limit_per_member=2,
        price_amount="199.00",
        currency="CNY",
        hold_seconds=600,
    )
    assert make(api, f"flash-sales/{sale['id']}/schedule/")["state"] == "scheduled"
    order_url = f"/api/v1/flash-sales/{sale['id']}/orders/"
    early = api.post(order_url, {"member": members[0]["id"], "quantity": 1})
    assert early.json()["code"] == "sale_not_open"

    work(time_machine, minutes=20, seconds=1)
    work(time_machine, minutes=10)
    texts = [body["text"] for _, body in receiver.hooks[1:]]
    assert any("羊毛衫" in text and "3 件" in text for text in texts), texts

    first = make(api, f"flash-sales/{sale['id']}/orders/", member=members[0]["id"], quantity=2)
    second = make(api, f"flash-sales/{sale['id']}/orders/", member=members[1]["id"], quantity=1)
    refused = api.post(order_url, {"member": members[1]["id"], "quantity": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "sale_sold_out")
    for order in (first, second):
        assert make(api, f"orders/{order['id']}/pay/")["state"] == "paid"
    work(time_machine, seconds=5)
    counts = api.get(f"/api/v1/flash-sales/{sale['id']}/").json()
    assert (counts["state"], counts["sold_count"], counts["held_count"], counts["left_count"]) == ("sold_out", 3, 0, 0)
    assert any("抢光" in body["text"] and "3 件" in body["text"] for _, body in receiver.hooks)

    # nothing more is said after it is over
    sent = len(receiver.hooks)
    work(time_machine, hours=2)
    assert len(receiver.hooks) == sent

    # look
    for route in ("dashboard:today", "conversion:order_list", "campaigns:calendar", "members:member_list"):
        assert browser.get(reverse(route, args=[slug])).status_code == 200, route
    control = browser.get(reverse("conversion:sale_detail", args=[slug, sale["id"]]))
    assert "羊毛衫" in control.content.decode()


def test_the_demo_comes_alive(workspace, owner, signed_in, time_machine) -> None:
    from dashboard.demo import build_demo

    time_machine.move_to(clock.now())
    demo = build_demo(workspace_id=workspace.pk, now=clock.now())
    work(time_machine, seconds=61)
    phone = Client()
    name, code = next(iter(demo.passes.items()))
    page = phone.get(f"/p/{code}?next=/s/{demo.sale.public_code}/", follow=True)
    assert page.status_code == 200
    assert "羊毛衫" in page.content.decode()
    for _ in range(5):
        work(time_machine, minutes=1)
    page = phone.get(f"/s/{demo.sale.public_code}/")
    assert name in page.content.decode()
    from messaging.models import SandboxPost

    texts = list(SandboxPost.objects.filter(workspace=workspace).values_list("text", flat=True))
    assert any("开抢" in text for text in texts), texts
