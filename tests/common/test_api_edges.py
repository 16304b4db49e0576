"""What a careless or hostile tool sends: a clear 4xx in JSON, never a 500."""

import json

import pytest

from community_ops.accounts import services
from community_ops.accounts.models import ApiToken, Role
from tests.factories.people import SYSTEM, make_token
from tests.moments import NOON

pytestmark = pytest.mark.django_db
COMMUNITY = {"name": "a", "shared_task": "b", "kind": "interest", "timezone": "UTC"}


def make(api, path: str, **body):
    answer = api.post(f"/api/v1/{path}", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


@pytest.fixture
def sale(api):
    community = make(api, "communities/", **COMMUNITY)
    group = make(api, "groups/", community=community["id"], name="群", kind="vip", endpoint=None)
    product = make(api, "products/", name="杯子", price_amount="9.00", currency="CNY")
    times = {"starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-02T00:00:00Z"}
    body = {"product": product["id"], "groups": [group["id"]], "stock": 1, "limit_per_member": None}
    return make(api, "flash-sales/", price_amount="5.00", currency="CNY", hold_seconds=60, **times, **body)


def test_without_a_token_and_with_one_that_is_no_good_are_told_apart(client, workspace) -> None:
    ended = make_token(workspace)
    services.revoke_api_token(token=ApiToken.objects.get(), actor=SYSTEM, now=NOON)
    for headers, code in (
        ({}, "not_authenticated"),
        ({"Authorization": "Token co_nobody-has-this"}, "invalid_token"),
        ({"Authorization": f"Token {ended}"}, "invalid_token"),
    ):
        answer = client.get("/api/v1/groups/", headers=headers)
        assert (answer.status_code, answer.json()["code"], answer["WWW-Authenticate"]) == (401, code, "Token")


def test_options_and_other_methods_are_405_in_json(api) -> None:
    for method in (api.options, api.put, api.patch, api.delete):
        answer = method("/api/v1/communities/")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_half_an_emoji_in_a_choice_is_400_naming_it(api) -> None:
    body = json.dumps(COMMUNITY | {"kind": "\ud800"})
    answer = api.post("/api/v1/communities/", data=body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["kind"])


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD0lMDA%3D", "cj0xJnA9YWJj", "abc"])
def test_a_made_up_cursor_is_404(api, cursor) -> None:
    assert api.get(f"/api/v1/communities/?cursor={cursor}").status_code == 404


@pytest.mark.parametrize("size", ["0", "-1", "abc", "", "٣"])
def test_an_odd_page_size_is_400_naming_it(api, size) -> None:
    answer = api.get(f"/api/v1/communities/?page_size={size}")
    assert (answer.status_code, list(answer.json())) == (400, ["page_size"])


def test_a_malformed_body_is_refused_also_where_none_is_wanted(api, sale) -> None:
    for action in ("schedule", "cancel"):
        url = f"/api/v1/flash-sales/{sale['id']}/{action}/"
        answer = api.post(url, data="[", content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert api.get(f"/api/v1/flash-sales/{sale['id']}/").json()["state"] == "draft"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "big"}])
def test_a_body_over_the_limit_is_413_in_json(api, settings, headers) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = api.post("/api/v1/communities/", COMMUNITY | {"name": "x" * 2000}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["nope/", "events/1/", "members/%00/", ""])
def test_unknown_addresses_answer_in_json(api, path) -> None:
    answer = api.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_order_for_an_odd_sale_is_refused_before_anything_is_counted(api, workspace, api_of) -> None:
    url = "/api/v1/flash-sales/abc/orders/"
    assert api_of(workspace, Role.VIEWER).post(url, {}).status_code == 403
    assert api.post(url, {}, headers={"Idempotency-Key": "x" * 300}).status_code == 400
    assert api.post(url, {}).status_code == 404


def test_a_member_of_another_community_cannot_buy(api, sale) -> None:
    other = make(api, "communities/", **COMMUNITY)
    member = make(api, "members/", community=other["id"], name="王哥")
    answer = api.post(f"/api/v1/flash-sales/{sale['id']}/orders/", {"member": member["id"], "quantity": 1})
    assert (answer.status_code, list(answer.json())) == (400, ["member"])
    assert api.get("/api/v1/orders/").json()["results"] == []


@pytest.mark.parametrize("quantity", ["1", "٣", "1_0", True, 1.0])
def test_only_a_number_is_a_quantity(api, sale, quantity) -> None:
    community = api.get("/api/v1/communities/").json()["results"][0]
    member = make(api, "members/", community=community["id"], name="王哥")
    answer = api.post(f"/api/v1/flash-sales/{sale['id']}/orders/", {"member": member["id"], "quantity": quantity})
    assert (answer.status_code, list(answer.json())) == (400, ["quantity"])


@pytest.mark.parametrize("name", ["\u200b", "\ufeff", "\ufffe", "a\u2028b", 5, True])
def test_what_cannot_be_read_is_no_name(api, name) -> None:
    answer = api.post("/api/v1/communities/", COMMUNITY | {"name": name})
    assert (answer.status_code, list(answer.json())) == (400, ["name"])


def test_a_family_emoji_is_a_name(api) -> None:
    assert make(api, "communities/", **(COMMUNITY | {"name": "👨‍👩‍👧 一家"}))["name"] == "👨‍👩‍👧 一家"


@pytest.mark.parametrize("odd", ["9" * 19, "9" * 40, "-1", "x", "١"])
def test_an_odd_group_in_a_form_is_not_a_choice(owner, signed_in, odd) -> None:
    client = signed_in(owner)
    for page in ("announcements/new", "flash-sales/new"):
        url = f"/w/{owner.workspace.slug}/{page}/"
        assert client.post(url, {"groups": [odd], "text": "x"}).status_code in (200, 422)


def test_a_change_without_the_last_slash_is_404_and_changes_nothing(api) -> None:
    answer = api.post("/api/v1/communities", COMMUNITY)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api.get("/api/v1/communities/").json()["results"] == []
    assert api.get("/api/v1/communities").status_code == 301


@pytest.mark.parametrize(
    "url", ["https://a b.com/", "https://.example.com/", "https://<x>.com/", f"https://{'a' * 300}.com/"]
)
def test_a_host_that_cannot_be_is_400(api, url) -> None:
    config = {"url": url, "secret": "s"}
    answer = api.post("/api/v1/endpoints/", {"name": "x", "platform": "webhook", "config": config})
    assert (answer.status_code, list(answer.json())) == (400, ["config"])


@pytest.mark.parametrize("base_url", ["https://evil.example.com", "https://qyapi.weixin.qq.com.evil.com"])
def test_a_robots_key_is_sent_to_wecom_only(api, settings, base_url) -> None:
    settings.ALLOW_LOOPBACK_ENDPOINTS = True
    config = {"key": "693a91f6", "base_url": base_url}
    answer = api.post("/api/v1/endpoints/", {"name": "x", "platform": "wecom_robot", "config": config})
    assert (answer.status_code, list(answer.json())) == (400, ["config"])


def test_a_robot_may_be_called_on_this_machine_by_the_switch_only(api, settings) -> None:
    body = {"name": "x", "platform": "wecom_robot", "config": {"key": "693a91f6", "base_url": "http://127.0.0.1:9"}}
    for is_allowed, status in ((False, 400), (True, 201)):
        settings.ALLOW_LOOPBACK_ENDPOINTS = is_allowed
        assert api.post("/api/v1/endpoints/", body).status_code == status


def test_refusals_speak_the_callers_language(client) -> None:
    answer = client.get("/api/v1/nothing/", headers={"Accept-Language": "zh-CN"})
    assert (answer.status_code, answer.json()["message"].isascii()) == (404, False)
