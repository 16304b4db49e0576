"""The REST contract of issue 2, call by call.

Other tools rely on exactly this for ever: tests here are added, never edited.
"""

import json
from datetime import timedelta

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from community_ops.common import clock

pytestmark = pytest.mark.django_db


def post_raw(api, path: str, body):
    """As other tools write JSON: every sign escaped, also half an emoji."""
    return api.post(f"/api/v1/{path}", data=json.dumps(body), content_type="application/json")


def soon(**delta: float) -> str:
    return (clock.now() + timedelta(**delta)).isoformat()


def make(api, path: str, **body):
    answer = api.post(f"/api/v1/{path}", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


@pytest.fixture
def community(api):
    return make(
        api, "communities/", name="晨跑", shared_task="每天一起跑 3 公里", kind="interest", timezone="Asia/Shanghai"
    )


@pytest.fixture
def room(api):
    return make(api, "endpoints/", name="模拟群", platform="sandbox", config={})


@pytest.fixture
def group(api, community, room):
    return make(api, "groups/", community=community["id"], name="晨跑 1 群", kind="long_term", endpoint=room["id"])


@pytest.fixture
def member(api, community):
    return make(api, "members/", community=community["id"], name="李姐")


@pytest.fixture
def product(api):
    return make(api, "products/", name="羊毛衫", price_amount="399.00", currency="CNY")


def sale_body(product, group, /, **changes):
    return {
        "product": product["id"],
        "groups": [group["id"]],
        "starts_at": soon(),
        "ends_at": soon(hours=1),
        "stock": 3,
        "limit_per_member": 2,
        "price_amount": "199.00",
        "currency": "CNY",
        "hold_seconds": 900,
    } | changes


@pytest.fixture
def open_sale(api, product, group):
    sale = make(api, "flash-sales/", **sale_body(product, group))
    answer = api.post(f"/api/v1/flash-sales/{sale['id']}/schedule/")
    assert answer.status_code == 200, answer.content
    return answer.json()


def order(api, sale, member, quantity=1):
    return api.post(f"/api/v1/flash-sales/{sale['id']}/orders/", {"member": member["id"], "quantity": quantity})


# --- who may come in ---------------------------------------------------------------------------


def test_a_call_without_a_token_is_401(client) -> None:
    answer = client.get("/api/v1/groups/")
    assert answer.status_code == 401
    assert set(answer.json()) == {"code", "message", "extra"}


def test_a_wrong_token_is_401(client) -> None:
    assert client.get("/api/v1/groups/", headers={"Authorization": "Token co_nothing"}).status_code == 401


@pytest.mark.parametrize("role", ["viewer", "helper", "moderator"])
def test_a_role_that_may_not_is_403(workspace, api_of, role) -> None:
    body = {"name": "x", "shared_task": "y", "kind": "interest", "timezone": "UTC"}
    answer = api_of(workspace, role).post("/api/v1/communities/", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "communities",
        "endpoints",
        "groups",
        "members",
        "memberships",
        "announcements",
        "products",
        "flash-sales",
        "orders",
    ],
)
def test_there_is_no_delete(api, path) -> None:
    for url in (f"/api/v1/{path}/", f"/api/v1/{path}/1/"):
        assert api.delete(url).status_code == 405


# --- objects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "communities",
        "endpoints",
        "groups",
        "members",
        "memberships",
        "announcements",
        "deliveries",
        "products",
        "flash-sales",
        "orders",
    ],
)
def test_lists_have_one_shape(api, path) -> None:
    answer = api.get(f"/api/v1/{path}/")
    assert (answer.status_code, answer.json()) == (200, {"next": None, "previous": None, "results": []})


def test_lists_are_oldest_first_in_pages(api, community) -> None:
    names = [f"成员 {number}" for number in range(5)]
    for name in names:
        make(api, "members/", community=community["id"], name=name)
    first = api.get("/api/v1/members/?page_size=2").json()
    second = api.get(first["next"]).json()
    assert [row["name"] for row in first["results"] + second["results"]] == names[:4]
    assert first["previous"] is None
    assert second["previous"]


@pytest.mark.parametrize(
    "kind", ["product", "education", "service", "connection", "learning", "values", "interest", "friends"]
)
def test_communities_of_each_kind(api, kind) -> None:
    made = make(api, "communities/", name="社群", shared_task="一起", kind=kind, timezone="Europe/London")
    assert (made["kind"], made["timezone"]) == (kind, "Europe/London")


@pytest.mark.parametrize(
    ("platform", "config", "secret"),
    [
        ("sandbox", {}, None),
        ("webhook", {"url": "http://127.0.0.1:9/hook", "secret": "whsec_c2VjcmV0LXZhbHVl"}, "c2VjcmV0LXZhbHVl"),
        ("wecom_robot", {"key": "693a91f6-secret-key"}, "693a91f6-secret-key"),
        ("wecom_robot", {"key": "693a91f6-secret-key", "base_url": "http://127.0.0.1:9"}, "693a91f6-secret-key"),
    ],
)
def test_endpoints_never_give_their_secret_back(api, platform, config, secret) -> None:
    made = make(api, "endpoints/", name="通道", platform=platform, config=config)
    detail = api.get(f"/api/v1/endpoints/{made['id']}/")
    assert detail.json()["platform"] == platform
    if secret:
        assert secret not in str(made) + detail.content.decode() + api.get("/api/v1/endpoints/").content.decode()


@pytest.mark.parametrize("kind", ["long_term", "short_term", "transit", "vip"])
def test_groups_of_each_kind(api, community, room, kind) -> None:
    made = make(api, "groups/", community=community["id"], name="群", kind=kind, endpoint=room["id"])
    assert (made["community"], made["kind"], made["endpoint"]) == (community["id"], kind, room["id"])


def test_a_membership_is_made_once(api, member, group) -> None:
    first = make(api, "memberships/", member=member["id"], group=group["id"])
    again = api.post("/api/v1/memberships/", {"member": member["id"], "group": group["id"]})
    assert again.status_code in (200, 201)
    assert again.json()["id"] == first["id"]
    assert len(api.get("/api/v1/memberships/").json()["results"]) == 1


# --- ids of others -----------------------------------------------------------------------------


def test_foreign_and_unknown_ids_are_alike_in_the_path(api, foreign_api, community, group, member) -> None:
    for path in (f"communities/{community['id']}", f"groups/{group['id']}", f"members/{member['id']}"):
        foreign = foreign_api.get(f"/api/v1/{path}/")
        unknown = api.get(f"/api/v1/{path.split('/')[0]}/999999999/")
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() == unknown.json()


@pytest.mark.parametrize("odd", ["abc", "0", "-1", "99999999999999999999999", "1.5"])
def test_odd_ids_in_the_path_are_404(api, odd) -> None:
    assert api.get(f"/api/v1/groups/{odd}/").status_code == 404


def test_foreign_and_unknown_ids_are_alike_in_the_body(foreign_api, community, group) -> None:
    for wrong in (community["id"], 999999999, "abc", None, True, 10**30):
        answer = foreign_api.post("/api/v1/members/", {"community": wrong, "name": "x"})
        assert answer.status_code == 400
        assert list(answer.json()) == ["community"]
    answer = foreign_api.post("/api/v1/announcements/", {"groups": [group["id"]], "text": "x", "due_at": soon()})
    assert (answer.status_code, list(answer.json())) == (400, ["groups"])


@pytest.mark.parametrize("name", ["announcement", "group"])
@pytest.mark.parametrize("value", ["999999999", "abc", "-1", "9" * 30])
def test_unknown_ids_in_a_filter_are_400_naming_it(api, name, value) -> None:
    answer = api.get(f"/api/v1/deliveries/?{name}={value}")
    assert (answer.status_code, list(answer.json())) == (400, [name])


def test_malformed_json_is_its_own_code(api) -> None:
    for body in ("{", '{"name": NaN}', "\ufeff{", '["'):
        answer = api.post("/api/v1/communities/", data=body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


# --- announcements and deliveries --------------------------------------------------------------


def announce(api, group, text="明早 6:30 老地方见", due_at=None):
    return make(api, "announcements/", groups=[group["id"]], text=text, due_at=due_at or soon(hours=1))


def test_planned_deliveries_exist_when_schedule_has_answered(api, group) -> None:
    made = announce(api, group)
    answer = api.post(f"/api/v1/announcements/{made['id']}/schedule/")
    assert answer.status_code == 200
    (row,) = api.get(f"/api/v1/deliveries/?announcement={made['id']}").json()["results"]
    assert (row["announcement"], row["group"], row["member"], row["state"]) == (
        made["id"],
        group["id"],
        None,
        "planned",
    )
    assert {"reason", "due_at", "accepted_at", "attempt_count", "platform_code", "platform_text"} <= row.keys()
    assert api.get(f"/api/v1/deliveries/?group={group['id']}&state=planned").json()["results"] == [row]
    assert api.get(f"/api/v1/deliveries/?group={group['id']}&state=accepted").json()["results"] == []


def test_scheduling_twice_plans_once(api, group) -> None:
    made = announce(api, group)
    answers = [api.post(f"/api/v1/announcements/{made['id']}/schedule/") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(api.get(f"/api/v1/deliveries/?announcement={made['id']}").json()["results"]) == 1


def test_a_cancelled_announcement_is_not_sent_nor_scheduled_again(api, group) -> None:
    made = announce(api, group)
    api.post(f"/api/v1/announcements/{made['id']}/schedule/")
    for _ in range(2):
        assert api.post(f"/api/v1/announcements/{made['id']}/cancel/").status_code == 200
    (row,) = api.get(f"/api/v1/deliveries/?announcement={made['id']}").json()["results"]
    assert row["state"] == "cancelled"
    answer = api.post(f"/api/v1/announcements/{made['id']}/schedule/")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_minute_ago_means_now_and_older_is_refused(api, group) -> None:
    assert announce(api, group, due_at=soon(seconds=-50))
    answer = api.post("/api/v1/announcements/", {"groups": [group["id"]], "text": "x", "due_at": soon(seconds=-70)})
    assert (answer.status_code, list(answer.json())) == (400, ["due_at"])


@pytest.mark.parametrize("moment", ["2099-01-01T20:00:00", "tomorrow", "2099-13-01T00:00:00Z", 1, None, "2099-01-01"])
def test_a_time_without_an_offset_is_refused(api, group, moment) -> None:
    answer = api.post("/api/v1/announcements/", {"groups": [group["id"]], "text": "x", "due_at": moment})
    assert (answer.status_code, list(answer.json())) == (400, ["due_at"])


# --- products and flash sales ------------------------------------------------------------------


def test_money_is_a_decimal_string(api, product) -> None:
    assert (product["price_amount"], product["currency"]) == ("399.00", "CNY")
    for amount in ("399.001", "-1", "abc", "1e99", None):
        body = {"name": "x", "price_amount": amount, "currency": "CNY"}
        answer = api.post("/api/v1/products/", body)
        assert (answer.status_code, list(answer.json())) == (400, ["price_amount"])


def test_a_sale_goes_through_its_states(api, product, group) -> None:
    sale = make(api, "flash-sales/", **sale_body(product, group, starts_at=soon(hours=1), ends_at=soon(hours=2)))
    assert sale["state"] == "draft"
    url = f"/api/v1/flash-sales/{sale['id']}"
    assert api.post(f"{url}/schedule/").json()["state"] == "scheduled"
    assert api.post(f"{url}/schedule/").status_code == 200
    assert api.post(f"{url}/cancel/").json()["state"] == "cancelled"
    assert api.post(f"{url}/cancel/").status_code == 200
    answer = api.post(f"{url}/schedule/")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_counts_of_a_sale_always_add_up(api, open_sale, member) -> None:
    assert open_sale["state"] == "open"
    held = order(api, open_sale, member).json()
    paid = order(api, open_sale, member).json()
    assert api.post(f"/api/v1/orders/{paid['id']}/pay/").json()["state"] == "paid"
    sale = api.get(f"/api/v1/flash-sales/{open_sale['id']}/").json()
    assert (sale["stock"], sale["sold_count"], sale["held_count"], sale["left_count"]) == (3, 1, 1, 1)
    assert api.post(f"/api/v1/orders/{held['id']}/cancel/").json()["state"] == "cancelled"
    sale = api.get(f"/api/v1/flash-sales/{open_sale['id']}/").json()
    assert (sale["sold_count"], sale["held_count"], sale["left_count"]) == (1, 0, 2)


def test_an_order_is_held_until_it_expires(api, open_sale, member) -> None:
    answer = order(api, open_sale, member, 2)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["state"], "expires_at" in made) == ("held", True)


def test_the_order_of_refusals(api, open_sale, member, community) -> None:
    assert order(api, open_sale, {"id": 999999999}).json().keys() == {"member"}
    assert order(api, open_sale, member, 3).json()["code"] == "sale_limit_reached"
    assert order(api, open_sale, member, 2).status_code == 201
    assert order(api, open_sale, member, 1).json()["code"] == "sale_limit_reached"
    other = make(api, "members/", community=community["id"], name="王哥")
    assert order(api, open_sale, other, 2).json()["code"] == "sale_sold_out"
    assert order(api, open_sale, other, 1).status_code == 201
    assert api.get(f"/api/v1/flash-sales/{open_sale['id']}/").json()["left_count"] == 0
    api.post(f"/api/v1/flash-sales/{open_sale['id']}/pause/")
    answer = order(api, open_sale, other, 1)
    assert (answer.status_code, answer.json()["code"]) == (409, "sale_not_open")
    assert api.get(f"/api/v1/flash-sales/{open_sale['id']}/").json()["state"] == "paused"
    assert api.post(f"/api/v1/flash-sales/{open_sale['id']}/resume/").status_code == 200


@pytest.mark.parametrize("quantity", [0, -1, "x", None, 10**12, 1.5])
def test_odd_quantities_are_400(api, open_sale, member, quantity) -> None:
    answer = order(api, open_sale, member, quantity)
    assert (answer.status_code, list(answer.json())) == (400, ["quantity"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stock", -1),
        ("stock", 10**12),
        ("stock", "many"),
        ("limit_per_member", 0),
        ("hold_seconds", 9),
        ("hold_seconds", 86_401),
        ("price_amount", "-1.00"),
        ("price_amount", "1.005"),
        ("currency", "XXX"),
        ("groups", []),
        ("groups", [999999999]),
        ("product", 999999999),
        ("starts_at", "2020-01-01T00:00:00Z"),
        ("ends_at", "2020-01-01T00:00:00Z"),
    ],
)
def test_bad_sales_are_400_naming_the_field(api, product, group, field, value) -> None:
    answer = api.post("/api/v1/flash-sales/", sale_body(product, group, **{field: value}))
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    assert api.get("/api/v1/flash-sales/").json()["results"] == []


def test_a_limit_of_null_is_no_limit(api, product, group, member) -> None:
    sale = make(api, "flash-sales/", **sale_body(product, group, limit_per_member=None))
    api.post(f"/api/v1/flash-sales/{sale['id']}/schedule/")
    assert order(api, sale, member, 3).status_code == 201


def test_repeating_pay_and_cancel_is_200_and_mixing_them_409(api, open_sale, member) -> None:
    one, two = (order(api, open_sale, member).json()["id"] for _ in range(2))
    for _ in range(2):
        assert api.post(f"/api/v1/orders/{one}/pay/").status_code == 200
        assert api.post(f"/api/v1/orders/{two}/cancel/").status_code == 200
    answer = api.post(f"/api/v1/orders/{two}/pay/")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


# --- events ------------------------------------------------------------------------------------


def event(group, number, **changes):
    return {
        "event_id": f"e{number}",
        "kind": "message",
        "occurred_at": "2026-11-21T12:00:00+08:00",
        "group": group["id"],
        "author": f"author-{number % 3}",
        "text": "早",
    } | changes


def test_events_are_taken_once_and_bad_ones_named(api, group) -> None:
    events = [event(group, number) for number in range(4)]
    bad = [event(group, 9, kind="shout"), event(group, 10, occurred_at="yesterday"), event({"id": 999999999}, 11)]
    answer = api.post("/api/v1/events/", {"events": events + bad + [event(group, 0)]})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicates"]) == (4, 1)
    assert [row["index"] for row in body["rejected"]] == [4, 5, 6]
    assert all({"index", "code", "message"} <= row.keys() for row in body["rejected"])
    names = {row["name"] for row in api.get("/api/v1/members/").json()["results"]}
    assert names == {"author-0", "author-1", "author-2"}
    again = api.post("/api/v1/events/", {"events": events}).json()
    assert (again["accepted"], again["duplicates"], again["rejected"]) == (0, 4, [])


def test_more_than_a_thousand_events_are_refused_whole(api, group) -> None:
    answer = api.post("/api/v1/events/", {"events": [event(group, number) for number in range(1001)]})
    assert answer.status_code == 413
    assert api.get("/api/v1/members/").json()["results"] == []


# --- idempotency -------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_byte_for_byte(api, community) -> None:
    body = {"community": community["id"], "name": "王哥"}
    first, again = (api.post("/api/v1/members/", body, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert (first.get("Idempotent-Replay"), again["Idempotent-Replay"]) == (None, "true")
    assert len(api.get("/api/v1/members/").json()["results"]) == 1


def test_the_same_key_with_another_body_is_422(api, community) -> None:
    for name, status in (("王哥", 201), ("李姐", 422)):
        body = {"community": community["id"], "name": name}
        answer = api.post("/api/v1/members/", body, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == status
    assert len(api.get("/api/v1/members/").json()["results"]) == 1


def test_a_refusal_is_not_stored_under_the_key(api, open_sale, member) -> None:
    api.post(f"/api/v1/flash-sales/{open_sale['id']}/pause/")
    body = {"member": member["id"], "quantity": 1}
    url = f"/api/v1/flash-sales/{open_sale['id']}/orders/"
    assert api.post(url, body, headers={"Idempotency-Key": "k1"}).status_code == 409
    api.post(f"/api/v1/flash-sales/{open_sale['id']}/resume/")
    assert api.post(url, body, headers={"Idempotency-Key": "k1"}).status_code == 201


def test_a_key_belongs_to_one_tool(api, foreign_api) -> None:
    body = {"name": "a", "shared_task": "b", "kind": "interest", "timezone": "UTC"}
    answers = [tool.post("/api/v1/communities/", body, headers={"Idempotency-Key": "k"}) for tool in (api, foreign_api)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].get("Idempotent-Replay") is None


# --- nasty strings -----------------------------------------------------------------------------

NASTY = ["a\x00b", "\x1b[31m", "\u202eevil", "x" * 100_000, "", "   ", "\ud800"]
FIELDS = [
    ("communities/", "name", {"name": "a", "shared_task": "b", "kind": "interest", "timezone": "UTC"}),
    ("communities/", "shared_task", {"name": "a", "shared_task": "b", "kind": "interest", "timezone": "UTC"}),
    ("endpoints/", "name", {"name": "a", "platform": "sandbox", "config": {}}),
    ("products/", "name", {"name": "a", "price_amount": "1.00", "currency": "CNY"}),
]


@pytest.mark.parametrize("nasty", NASTY, ids=lambda text: repr(text[:8]))
@pytest.mark.parametrize(("path", "field", "body"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
def test_nasty_strings_are_400_naming_the_field(api, path, field, body, nasty) -> None:
    answer = post_raw(api, path, body | {field: nasty})
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert api.get(f"/api/v1/{path}").json()["results"] == []


@pytest.mark.parametrize("fine", ["<script>alert(1)</script>", "🎉🏃‍♀️", "O'Neil; DROP TABLE", "مرحبا"])
def test_harmless_strings_come_back_as_they_were(api, fine) -> None:
    made = make(api, "communities/", name=fine, shared_task=fine, kind="interest", timezone="UTC")
    assert (made["name"], made["shared_task"]) == (fine, fine)


@pytest.mark.parametrize("nasty", NASTY, ids=lambda text: repr(text[:8]))
def test_nasty_announcements_are_400_naming_the_text(api, group, nasty) -> None:
    answer = post_raw(api, "announcements/", {"groups": [group["id"]], "text": nasty, "due_at": soon()})
    assert (answer.status_code, list(answer.json())) == (400, ["text"])
    assert api.get("/api/v1/announcements/").json()["results"] == []


# --- the description of it all -----------------------------------------------------------------


def test_no_two_shapes_share_a_name_in_the_schema() -> None:
    GENERATOR_STATS.reset()
    schema = SchemaGenerator(api_version="1").get_schema(request=None, public=True)
    told = [message for kind in (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache) for message in kind]
    assert [message for message in told if "identical names" in message] == []
    assert schema["components"]["schemas"].keys() >= {"GroupWarning", "MembershipWarning"}


def test_the_schema_and_its_offline_page_are_served(client) -> None:
    assert client.get("/api/v1/schema/").status_code == 200
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert "https://" not in page.content.decode()
