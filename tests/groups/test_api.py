"""communities/ and groups/ over REST."""

import pytest

from groups.models import ChatGroup, Community
from tests.members.makers import make_endpoint, make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db

COMMUNITY = {"name": "晨跑", "shared_task": "跑步", "kind": "interest", "timezone": "Asia/Shanghai"}


def test_a_community_is_created_and_read(api) -> None:
    made = api.post("/api/v1/communities/", COMMUNITY)
    assert made.status_code == 201
    assert made.json() | COMMUNITY == made.json()
    assert api.get(f"/api/v1/communities/{made.json()['id']}/").json() == made.json()


@pytest.mark.parametrize("missing", sorted(COMMUNITY))
def test_every_field_of_a_community_is_needed(api, missing) -> None:
    body = {name: value for name, value in COMMUNITY.items() if name != missing}
    answer = api.post("/api/v1/communities/", body)
    assert (answer.status_code, list(answer.json())) == (400, [missing])
    assert not Community.objects.exists()


def test_a_group_may_have_no_endpoint(api, community) -> None:
    body = {"community": community.pk, "name": "1 群", "kind": "vip", "endpoint": None}
    answer = api.post("/api/v1/groups/", body)
    assert (answer.status_code, answer.json()["endpoint"], answer.json()["warnings"]) == (201, None, [])


def test_a_shared_endpoint_is_a_warning_beside_success(api, workspace, community) -> None:
    endpoint = make_endpoint(workspace)
    make_group(community, endpoint=endpoint)
    body = {"community": community.pk, "name": "2 群", "kind": "long_term", "endpoint": endpoint.pk}
    answer = api.post("/api/v1/groups/", body)
    assert answer.status_code == 201
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["endpoint_shared"]


@pytest.mark.parametrize("field", ["community", "endpoint"])
def test_foreign_ids_are_400_naming_the_field(api, community, foreign_community, field) -> None:
    body = {"community": community.pk, "name": "1 群", "kind": "vip", "endpoint": None}
    foreign = {"community": foreign_community.pk, "endpoint": make_endpoint(foreign_community.workspace).pk}
    for wrong in (foreign[field], 999_999_999):
        answer = api.post("/api/v1/groups/", body | {field: wrong})
        assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not ChatGroup.objects.exists()


def test_groups_are_filtered_by_community(api, group, foreign_community) -> None:
    url = "/api/v1/groups/?community="
    assert [row["id"] for row in api.get(f"{url}{group.community_id}").json()["results"]] == [group.pk]
    for wrong in (foreign_community.pk, 999_999_999, "x"):
        answer = api.get(f"{url}{wrong}")
        assert (answer.status_code, list(answer.json())) == (400, ["community"])


@pytest.mark.parametrize("role", ["viewer", "helper", "moderator"])
def test_roles_that_may_not_create_change_nothing(api_of, workspace, community, role) -> None:
    body = {"community": community.pk, "name": "1 群", "kind": "vip", "endpoint": None}
    answer = api_of(workspace, role).post("/api/v1/groups/", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert not ChatGroup.objects.exists()


def test_the_list_asks_the_same_number_of_queries_for_1_and_20(api, community, django_assert_num_queries) -> None:
    make_group(community)
    api.get("/api/v1/groups/")  # the token's first use is noted once
    with django_assert_num_queries(2):
        api.get("/api/v1/groups/")
    for number in range(19):
        make_group(community, f"{number} 群")
    with django_assert_num_queries(2):
        assert len(api.get("/api/v1/groups/").json()["results"]) == 20


def test_a_group_is_bound_to_another_endpoint(api, workspace, group) -> None:
    endpoint = make_endpoint(workspace)
    for wanted in (endpoint.pk, endpoint.pk, None):
        answer = api.post(f"/api/v1/groups/{group.pk}/bind/", {"endpoint": wanted})
        assert (answer.status_code, answer.json()["endpoint"]) == (200, wanted)
    assert ChatGroup.objects.get(pk=group.pk).endpoint is None


def test_binding_needs_an_endpoint_of_ones_own(api, group, foreign_community) -> None:
    for wrong in (make_endpoint(foreign_community.workspace).pk, 999_999_999, "x"):
        answer = api.post(f"/api/v1/groups/{group.pk}/bind/", {"endpoint": wrong})
        assert (answer.status_code, list(answer.json())) == (400, ["endpoint"])
    assert api.post(f"/api/v1/groups/{group.pk}/bind/", {}).status_code == 400


def test_an_archived_group_is_not_bound_over_rest(api, workspace, group) -> None:
    ChatGroup.objects.filter(pk=group.pk).update(archived_at=NOON)
    answer = api.post(f"/api/v1/groups/{group.pk}/bind/", {"endpoint": make_endpoint(workspace).pk})
    assert (answer.status_code, list(answer.json())) == (400, ["group"])
    assert ChatGroup.objects.get(pk=group.pk).endpoint is None
