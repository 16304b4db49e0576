"""A message that takes several calls: in order, each once, and honest when one of them fails."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from community_ops.common import assets
from messaging import services
from messaging.models import Attempt, SandboxPost
from messaging.platforms import registry
from messaging.policies import size_problem
from tests.common.test_pictures import drawn
from tests.moments import NOON

LONG = "第一句。第二句！第三句？"
LATER = NOON + timedelta(minutes=10)


@pytest.fixture
def image(workspace):
    return assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=workspace.pk)


def posts() -> list[str]:
    return list(SandboxPost.objects.order_by("id").values_list("text", flat=True))


def test_a_long_text_goes_out_in_order_and_is_accepted_with_its_last_part(small, room, plan, deliver, fresh) -> None:
    delivery = plan(room, text=LONG, may_split=True)
    deliver()
    row = fresh(delivery)
    assert posts() == ["第一句。第二句！", "第三句？"]
    assert (row.state, row.parts_sent, row.part_count, row.attempt_count) == ("accepted", 2, 2, 2)
    assert list(Attempt.objects.values_list("number", "outcome")) == [(1, "accepted"), (2, "accepted")]


def test_a_long_text_that_may_not_be_cut_fails_and_nothing_goes_out(small, room, plan, deliver, fresh) -> None:
    delivery = plan(room, text=LONG)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).reason, posts()) == ("failed", "too_long", [])


def test_a_text_of_more_than_ten_parts_fails(small, room, plan, deliver, fresh) -> None:
    delivery = plan(room, text="一二三四五六七。" * 11, may_split=True)
    deliver()
    assert (fresh(delivery).reason, posts()) == ("too_long", [])


def test_what_is_too_long_is_said_before_it_is_scheduled(small) -> None:
    assert size_problem("sandbox", LONG) is not None
    assert size_problem("sandbox", LONG, may_split=True) is None
    assert "11" in str(size_problem("sandbox", "一二三四五六七。" * 11, may_split=True))


def test_the_rest_is_tried_again_after_the_latest_moment(small, hook, httpserver, plan, deliver, fresh) -> None:
    httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    httpserver.expect_ordered_request("/hook").respond_with_data("busy", status=503)
    httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    delivery = plan(hook, text=LONG, may_split=True, latest_at=NOON)

    deliver()
    assert (fresh(delivery).state, fresh(delivery).parts_sent) == ("planned", 1)
    deliver(LATER)

    assert (fresh(delivery).state, fresh(delivery).parts_sent) == ("accepted", 2)


def test_each_part_has_a_key_of_its_own(small, hook, httpserver, plan, deliver) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    delivery = plan(hook, text=LONG, may_split=True)
    deliver()
    sent = [(request.headers["webhook-id"], request.get_json()["text"]) for request, _ in httpserver.log]
    assert sent == [(f"{delivery.pk}.1", "第一句。第二句！"), (f"{delivery.pk}.2", "第三句？")]


def test_a_part_that_is_refused_for_now_is_repeated_alone(small, hook, httpserver, plan, deliver, fresh) -> None:
    httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    httpserver.expect_ordered_request("/hook").respond_with_data("busy", status=503)
    httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    delivery = plan(hook, text=LONG, may_split=True, latest_at=NOON + timedelta(minutes=1))
    deliver()
    assert (fresh(delivery).state, fresh(delivery).parts_sent) == ("planned", 1)
    deliver(LATER)  # past its latest moment: what was begun is brought to its end
    assert fresh(delivery).state == "accepted"
    assert [request.get_json().get("part") for request, _ in httpserver.log] == [1, 2, 2]


def test_the_text_is_not_filled_anew_between_two_parts(small, hook, httpserver, plan, deliver, fresh) -> None:
    httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    httpserver.expect_ordered_request("/hook").respond_with_data("busy", status=503)
    httpserver.expect_ordered_request("/hook").respond_with_data("ok")
    delivery = plan(hook, text=LONG, may_split=True)
    deliver()
    delivery.message.text = "ganz anders"
    delivery.message.save(update_fields=["text", "updated_at"])
    deliver(LATER)
    assert httpserver.log[-1][0].get_json()["text"] == "第三句？"


def test_a_doubt_about_the_first_part_that_a_person_ends_goes_on_with_the_second(
    small, hook, httpserver, hang_at, monkeypatch, plan, deliver, fresh, owner
) -> None:
    monkeypatch.setattr("community_ops.common.net.post.__kwdefaults__", {"timeout_seconds": 0.3})
    hang_at("/hook")
    delivery = plan(hook, text=LONG, may_split=True)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).parts_sent) == ("unknown", 0)
    for _ in range(2):
        services.decide_unknown(delivery=fresh(delivery), verdict="sent", actor=owner.actor, now=NOON)
    row = fresh(delivery)
    assert (row.state, row.reason, row.parts_sent) == ("planned", "more_parts", 1)


def test_a_doubt_about_the_last_part_that_a_person_ends_is_confirmed(small, hook, plan, fresh, owner) -> None:
    delivery = plan(hook, text=LONG, may_split=True)
    type(delivery).objects.filter(pk=delivery.pk).update(state="unknown", parts_sent=1, part_count=2)
    services.decide_unknown(delivery=fresh(delivery), verdict="sent", actor=owner.actor, now=NOON)
    assert fresh(delivery).state == "confirmed"


def test_an_image_goes_with_its_text_where_the_platform_has_captions(room, plan, deliver, image) -> None:
    plan(room, text="今晚见", image_id=image.pk)
    deliver()
    assert list(SandboxPost.objects.values_list("text", "image_id")) == [("今晚见", image.pk)]


def test_an_image_goes_first_where_the_text_is_too_long_for_a_caption(small, room, plan, deliver, image) -> None:
    plan(room, text="今晚见", image_id=image.pk)
    deliver()
    assert list(SandboxPost.objects.order_by("id").values_list("text", "image_id")) == [
        ("", image.pk),
        ("今晚见", None),
    ]


def test_a_receiver_is_told_where_the_image_is(hook, httpserver, plan, deliver, image, settings) -> None:
    settings.PUBLIC_URL = "https://c.example"
    httpserver.expect_request("/hook").respond_with_data("ok")
    plan(hook, text="今晚见", image_id=image.pk, is_markdown=True)
    deliver()
    body = httpserver.log[0][0].get_json()
    assert (body["image_url"], body["format"]) == (assets.public_link(image), "markdown")


def test_every_platform_says_what_it_can_do_with_a_source() -> None:
    for name in registry.names():
        known = registry.get(name).capabilities
        assert known.source, name
        assert known.source in ("built in",) or known.source.startswith(("our own", "https://")), name
        assert not known.limits or known.checked_on is not None, name
