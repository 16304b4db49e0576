"""发送通道: the list says what a new channel can be and which ones fail; a month is told without promises."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from messaging.models import Delivery
from tests.factories.people import make_person
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown(signed_in, workspace):
    """The list as somebody of this role sees it, in English."""

    def show(role: str = "owner") -> str:
        client = signed_in(make_person(workspace, role))
        url = reverse("messaging:endpoints", args=[workspace.slug])
        return client.get(url, headers={"Accept-Language": "en"}).content.decode()

    return show


def test_a_colleague_is_a_way_to_send_too(shown, workspace) -> None:
    new = reverse("messaging:assignee_new", args=[workspace.slug])
    assert (new in shown(), new in shown("viewer")) == (True, False)


REFUSED = {"state": "failed", "reason": "refused", "platform_code": "93000", "platform_text": "<i>gone</i>"}


def test_a_channel_that_fails_says_so_until_something_is_accepted(shown, plan, hook) -> None:
    assert "Fails now" not in shown()
    failed = plan(hook)
    Delivery.objects.filter(pk=failed.pk).update(sending_at=NOON, **REFUSED)
    page = shown()
    assert ("Fails now" in page, "The platform said: 93000 &lt;i&gt;gone" in page) == (True, True)
    Delivery.objects.filter(pk=plan(hook).pk).update(state="accepted", accepted_at=NOON + timedelta(minutes=1))
    assert "Fails now" not in shown()


def test_the_list_asks_as_often_for_twenty_failing_channels_as_for_one(signed_in, owner, workspace, plan) -> None:
    client, url = signed_in(owner), reverse("messaging:endpoints", args=[workspace.slug])

    def queries(count: int) -> int:
        for _number in range(count):
            failed = plan(make_endpoint(workspace, "webhook", url="https://example.com/", secret="s" * 32))
            Delivery.objects.filter(pk=failed.pk).update(sending_at=NOON, **REFUSED)
        client.get(url)
        with CaptureQueriesContext(connection) as asked:
            client.get(url)
        return len(asked)

    assert queries(1) == queries(19)


def test_a_month_speaks_of_accepted_not_of_sent(signed_in, owner, workspace, plan, hook) -> None:
    Delivery.objects.filter(pk=plan(hook).pk).update(state="accepted", accepted_at=NOON)
    url = reverse("messaging:endpoint_edit", args=[workspace.slug, hook.pk])
    page = signed_in(owner).get(url, headers={"Accept-Language": "en"})
    assert page.context["month"]["series"][0]["name"] == "Accepted by the platform"
