"""REST: images are uploaded, announcements take marks, a choice for long texts and a picture."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from campaigns.models import Announcement
from community_ops.accounts.models import Workspace
from community_ops.common import clock, pictures
from community_ops.common.models import Asset, AuditEntry
from groups.models import ChatGroup, Community
from messaging.models import Delivery, OutboundMessage
from tests.campaigns.conftest import make_group
from tests.common.test_pictures import drawn, noise

pytestmark = pytest.mark.django_db
URL, ASSETS = "/api/v1/announcements/", "/api/v1/assets/"
ENGLISH = {"Accept-Language": "en"}
NO_OBJECT = {"image": ["There is no such object."]}


def upload(api: APIClient, data: bytes | None = None, name: str = "毛衣.png", **headers: Any) -> Any:
    file = SimpleUploadedFile(name, drawn() if data is None else data, content_type="image/png")
    return api.post(ASSETS, {"image": file}, format="multipart", headers=ENGLISH | headers)


@pytest.fixture
def body(group: ChatGroup) -> dict[str, Any]:
    return {"groups": [group.pk], "text": "今晚见", "due_at": (clock.now() + timedelta(hours=1)).isoformat()}


# --- images ------------------------------------------------------------------------------------------


def test_an_image_is_kept_and_its_link_shows_it(api: APIClient, client: Any) -> None:
    answer = upload(api)
    found = answer.json()
    assert answer.status_code == 201
    assert list(found) == ["id", "content_type", "width", "height", "size_bytes", "url"]
    assert (found["content_type"], found["width"], found["height"]) == ("image/jpeg", 40, 30)
    shown = client.get(found["url"][found["url"].index("/f/") :])
    assert (shown.status_code, len(b"".join(shown.streaming_content))) == (200, found["size_bytes"])


def test_the_same_image_is_kept_once(api: APIClient) -> None:
    first, again = upload(api).json(), upload(api, name="other.png").json()
    assert first == again
    assert Asset.objects.count() == 1


@pytest.mark.parametrize(
    "data", [b"", b"no image", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", drawn()[:60]]
)
def test_what_is_no_image_is_400_naming_it_and_leaves_no_row(api: APIClient, data: bytes) -> None:
    answer = upload(api, data)
    assert (answer.status_code, list(answer.json())) == (400, ["image"])
    assert not Asset.objects.exists()


def test_an_image_over_the_limit_is_400_naming_it(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 2**20)
    answer = upload(api, noise(700))
    assert (answer.status_code, answer.json()) == (400, {"image": ["An image may have up to 1 MB."]})
    assert not Asset.objects.exists()


@pytest.mark.parametrize("body", [{}, {"image": "not a file"}, {"picture": SimpleUploadedFile("x.png", drawn())}])
def test_a_form_without_a_file_is_400_naming_it(api: APIClient, body: dict[str, Any]) -> None:
    answer = api.post(ASSETS, body, format="multipart")
    assert (answer.status_code, list(answer.json())) == (400, ["image"])


def test_another_kind_of_body_is_4xx_in_json(api: APIClient) -> None:
    assert api.post(ASSETS, {"image": "x"}, format="json").status_code == 415
    broken = api.post(ASSETS, data=b"nonsense", content_type="multipart/form-data")
    assert (broken.status_code, sorted(broken.json())) == (400, ["code", "extra", "message"])


def test_images_are_not_listed_and_not_changed(api: APIClient) -> None:
    pk = upload(api).json()["id"]
    assert api.get(ASSETS).status_code == 405
    assert {api.get(f"{ASSETS}{pk}/").status_code, api.delete(f"{ASSETS}{pk}/").status_code} == {404}


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 201), ("operator", 201), ("moderator", 201), ("helper", 201), ("viewer", 403)]
)
def test_who_may_write_announcements_may_upload(
    workspace: Workspace, api_of: Callable[..., APIClient], role: str, status: int
) -> None:
    assert upload(api_of(workspace, role)).status_code == status
    assert Asset.objects.exists() == (status == 201)


def test_without_a_token_nothing_is_kept(db: None) -> None:
    assert upload(APIClient()).status_code == 401
    assert not Asset.objects.exists()


# --- announcements -----------------------------------------------------------------------------------


def test_an_announcement_takes_marks_a_choice_and_a_picture(api: APIClient, body: dict[str, Any]) -> None:
    image = upload(api).json()["id"]
    how = {"text": "**今晚**见", "is_markdown": True, "may_split": True, "image": image}
    made = api.post(URL, body | how)
    assert (made.status_code, {name: made.json()[name] for name in how}) == (201, how)
    assert api.post(f"{URL}{made.json()['id']}/schedule/").status_code == 200
    row = OutboundMessage.objects.get()
    assert (row.text, row.is_markdown, row.may_split, row.image_id) == ("**今晚**见", True, True, image)


def test_left_out_they_are_as_they_were_before_there_were_any(api: APIClient, body: dict[str, Any]) -> None:
    found = api.post(URL, body).json()
    assert (found["is_markdown"], found["may_split"], found["image"], found["warnings"]) == (False, False, None, [])


def test_foreign_and_unknown_pictures_are_refused_alike(
    api: APIClient, foreign_api: APIClient, body: dict[str, Any]
) -> None:
    foreign = upload(foreign_api).json()["id"]
    for value in (foreign, 999_999, 0, 2**70, True, "x", "1", []):
        answer = api.post(URL, body | {"image": value}, headers=ENGLISH)
        assert (answer.status_code, answer.json()) == (400, NO_OBJECT)
    assert not Announcement.objects.exists()


def test_a_table_that_was_imported_is_no_picture(api: APIClient, body: dict[str, Any], workspace: Workspace) -> None:
    table = Asset.objects.create(
        workspace=workspace, sha256="0" * 64, content_type="text/csv", size_bytes=1, file_name="x", path="x"
    )
    assert api.post(URL, body | {"image": table.pk}, headers=ENGLISH).json() == NO_OBJECT


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"is_markdown": "maybe"}, "is_markdown"),
        ({"is_markdown": None}, "is_markdown"),
        ({"may_split": 7}, "may_split"),
        ({"text": "**", "is_markdown": True}, "text"),
        ({"text": "{name}"}, "text"),
    ],
)
def test_bad_input_is_400_naming_the_field(
    api: APIClient, body: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    answer = api.post(URL, body | change)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not Announcement.objects.exists()


def test_warnings_say_how_it_arrives_when_it_is_written_rehearsed_and_scheduled(
    api: APIClient, body: dict[str, Any], community: Community
) -> None:
    groups = [make_group(community, name, platform=name).pk for name in ("feishu_robot", "wecom_robot")]
    long = "字" * 1000
    made = api.post(URL, body | {"groups": groups, "text": long}).json()
    assert list(made) == ["text"]  # too long for one of them
    image = upload(api).json()["id"]
    made = api.post(URL, body | {"groups": groups, "text": long, "may_split": True, "image": image}).json()
    rehearsed = api.post(f"{URL}{made['id']}/rehearse/")
    assert (rehearsed.status_code, rehearsed.json()["state"], Delivery.objects.count()) == (200, "draft", 0)
    scheduled = api.post(f"{URL}{made['id']}/schedule/").json()
    assert made["warnings"] == rehearsed.json()["warnings"] == scheduled["warnings"]
    assert [warning["code"] for warning in made["warnings"]] == ["no_picture", "text_cut", "picture_apart"]


def test_a_draft_is_written_anew_until_it_is_scheduled(api: APIClient, body: dict[str, Any]) -> None:
    pk = api.post(URL, body).json()["id"]
    image = upload(api).json()["id"]
    changed = api.post(f"{URL}{pk}/change/", body | {"text": "**明天**", "is_markdown": True, "image": image})
    assert (changed.status_code, changed.json()["text"], changed.json()["image"]) == (200, "**明天**", image)
    refused = api.post(f"{URL}{pk}/change/", body | {"text": "{name}"})
    assert (refused.status_code, Announcement.objects.get().text) == (400, "**明天**")
    api.post(f"{URL}{pk}/schedule/")
    refused = api.post(f"{URL}{pk}/change/", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    assert AuditEntry.objects.filter(verb="announcement.changed").count() == 1


@pytest.mark.parametrize("action", ["change", "rehearse"])
def test_another_workspaces_draft_is_404_before_anything_is_read(
    api: APIClient, foreign_api: APIClient, body: dict[str, Any], action: str
) -> None:
    pk = api.post(URL, body).json()["id"]
    for sent in (body, {}):
        assert foreign_api.post(f"{URL}{pk}/{action}/", sent).status_code == 404
    assert Announcement.objects.get().text == "今晚见"


@pytest.mark.parametrize(("role", "status"), [("moderator", 200), ("viewer", 403)])
@pytest.mark.parametrize("action", ["change", "rehearse"])
def test_roles_of_the_new_actions(
    workspace: Workspace,
    api: APIClient,
    api_of: Callable[..., APIClient],
    body: dict[str, Any],
    action: str,
    role: str,
    status: int,
) -> None:
    pk = api.post(URL, body).json()["id"]
    assert api_of(workspace, role).post(f"{URL}{pk}/{action}/", body).status_code == status


def test_the_list_asks_the_database_the_same_number_of_times_with_pictures(
    api: APIClient, body: dict[str, Any]
) -> None:
    api.post(URL, body)
    with CaptureQueriesContext(connection) as few:
        api.get(URL)
    for number in range(5):
        image = upload(api, drawn(colour=(number, 0, 0))).json()["id"]
        assert api.post(URL, body | {"image": image}).status_code == 201
    with CaptureQueriesContext(connection) as many:
        assert len(api.get(URL).json()["results"]) == 6
    assert len(many) == len(few)
    assert Asset.objects.count() > 1


def test_an_upload_with_a_key_is_answered_once(api: APIClient) -> None:
    first = upload(api, **{"Idempotency-Key": "k1"})
    assert first.status_code == 201
    assert upload(api, drawn(size=(9, 9)), **{"Idempotency-Key": "k1"}).status_code == 422
    assert Asset.objects.count() == 1
