"""What waits in line says when its turn comes."""

from datetime import timedelta

import pytest
from django.urls import reverse

from messaging.models import Delivery
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def test_the_record_says_about_when_the_turn_of_one_in_line_comes(signed_in, owner, workspace, plan, room) -> None:
    row = plan(room)
    Delivery.objects.filter(pk=row.pk).update(reason="limit", next_try_at=NOON + timedelta(minutes=18))
    url = reverse("messaging:delivery", args=[workspace.slug, row.pk])
    sentence = signed_in(owner).get(url, headers={"Accept-Language": "en"}).context["row"]["sentence"]
    assert sentence.startswith("It waits for its turn")
    assert "About 21 Nov, 20:18." in sentence


def test_what_went_out_after_waiting_says_nothing_of_a_turn(signed_in, owner, workspace, plan, deliver, room) -> None:
    row = plan(room)
    Delivery.objects.filter(pk=row.pk).update(reason="limit")
    deliver()
    url = reverse("messaging:delivery", args=[workspace.slug, row.pk])
    assert "turn" not in signed_in(owner).get(url, headers={"Accept-Language": "en"}).context["row"]["sentence"]
