"""Idempotency under parallel duplicates: one effect, one answer."""

from functools import partial

import pytest
from rest_framework.test import APIClient

from community_ops.common import clock, housekeeping
from community_ops.common.models import IdempotencyRecord
from tests.factories.people import make_token, make_workspace
from tests.races import at_once

BODY = {"name": "晨跑", "shared_task": "一起跑", "kind": "interest", "timezone": "UTC"}


@pytest.mark.django_db(transaction=True)
def test_parallel_duplicates_make_one_thing_and_hear_the_same() -> None:
    headers = {"HTTP_AUTHORIZATION": f"Token {make_token(make_workspace())}", "HTTP_IDEMPOTENCY_KEY": "k1"}
    post = partial(APIClient().post, "/api/v1/communities/", BODY, **headers)
    answers = at_once([post] * 6)
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.content for answer in answers}) == 1
    assert sum(answer.get("Idempotent-Replay") == "true" for answer in answers) == 5
    assert IdempotencyRecord.objects.count() == 1


def test_no_cache_on_the_way_keeps_an_answer_whether_it_is_the_first_or_given_again(api, workspace) -> None:
    """A webhook's answer holds its secret, a community's none: a stored answer does not say which it is."""
    hook = {"name": "记账", "url": "https://tools.example/hook", "events": ["*"]}
    for path, body in (("communities", BODY), ("webhooks", hook)):
        headers = {"Idempotency-Key": path}
        first, again = (api.post(f"/api/v1/{path}/", body, headers=headers) for _ in range(2))
        assert again["Idempotent-Replay"] == "true"
        assert (first["Cache-Control"], again["Cache-Control"]) == ("no-store", "no-store")


def test_a_refused_request_leaves_no_record(api) -> None:
    answer = api.post("/api/v1/communities/", BODY | {"kind": "war"}, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 400
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("key", ["x" * 256, "tab\tkey"])
def test_an_odd_key_is_400_and_nothing_happens(api, key) -> None:
    answer = api.post("/api/v1/communities/", BODY, headers={"Idempotency-Key": key})
    assert (answer.status_code, list(answer.json())) == (400, ["Idempotency-Key"])
    assert api.get("/api/v1/communities/").json()["results"] == []


def test_keys_are_forgotten_after_a_day(api, time_machine) -> None:
    time_machine.move_to(clock.now())
    api.post("/api/v1/communities/", BODY, headers={"Idempotency-Key": "k1"})
    for shift, kept in ((82_000, 1), (6_000, 0)):
        time_machine.shift(shift)
        housekeeping.tidy(now=clock.now())
        housekeeping.tidy(now=clock.now())
        assert IdempotencyRecord.objects.count() == kept
