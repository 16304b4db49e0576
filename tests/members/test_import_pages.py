"""导入: upload, mapping, preview, confirm, progress, result."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from members.models import ImportRun, Member
from members.tasks import run_imports
from messaging.models import InboundEvent
from tests.members.paths import CHANNEL, MEMBERS

pytestmark = pytest.mark.django_db


def at(workspace, name: str, *args: object) -> str:
    return reverse(f"members:{name}", args=[workspace.slug, *args])


def send(client, workspace, kind: str, content: bytes, name: str = "群友.csv", **options: object):
    form = {"file": SimpleUploadedFile(name, content), **options}
    return client.post(at(workspace, "import_new", kind), form)


def test_members_come_in_by_upload_preview_and_confirmation(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    answer = send(client, workspace, "members", MEMBERS.read_bytes(), community=community.pk)
    run = ImportRun.objects.get()
    assert answer["Location"] == at(workspace, "import_detail", run.pk)
    preview = client.get(answer["Location"])
    assert preview.status_code == 200
    assert preview.context["preview"].new_count == 4
    assert "李姐" in preview.content.decode()
    assert not Member.objects.exists()
    for _ in range(2):
        client.post(at(workspace, "import_confirm", run.pk))
    waiting = client.get(answer["Location"])
    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    run_imports()
    done = client.get(answer["Location"])
    assert "hx-trigger" not in done.context["run"].state
    assert (done.context["run"].row_count, done.context["progress"]["total"]) == (8, 8)
    assert done.context["counts"][1][1] == 4
    assert Member.objects.count() == 4


def test_events_come_in_the_same_way(signed_in, owner, workspace, group) -> None:
    client = signed_in(owner)
    send(client, workspace, "events", CHANNEL.read_bytes(), "群聊.jsonl", group=group.pk, timezone="UTC")
    run = ImportRun.objects.get()
    preview = client.get(at(workspace, "import_detail", run.pk)).context["preview"]
    assert (preview.new_count, preview.duplicate_count, preview.problem_count) == (5, 1, 3)
    client.post(at(workspace, "import_confirm", run.pk))
    run_imports()
    assert InboundEvent.objects.count() == 5


def test_a_number_under_another_name_is_said_before_and_after(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    content = "姓名,手机号\n李姐,13812341234\n李阿姨,13812341234\n".encode()
    send(client, workspace, "members", content, community=community.pk)
    detail = at(workspace, "import_detail", ImportRun.objects.get().pk)
    preview = client.get(detail).content.decode()
    assert "Same phone as 李姐" in preview
    assert "Of these under another name" in preview
    client.post(at(workspace, "import_confirm", ImportRun.objects.get().pk))
    run_imports()
    done = client.get(detail)
    assert [row["line"] for row in done.context["notices"]] == [3]
    assert "Already there under another name" in done.content.decode()
    assert dict(done.context["counts"])["Left out"] == 0


def test_a_column_is_chosen_by_hand(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    send(client, workspace, "members", "wer,tel\n李姐,13812341234\n".encode(), community=community.pk)
    run = ImportRun.objects.get()
    detail = at(workspace, "import_detail", run.pk)
    assert not client.get(detail).context["preview"].is_ready
    client.post(at(workspace, "import_map", run.pk), {"map-name": "wer", "map-phone": "tel"})
    assert client.get(detail).context["preview"].new_count == 1


def test_progress_is_a_piece_for_htmx(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    send(client, workspace, "members", MEMBERS.read_bytes(), community=community.pk)
    run = ImportRun.objects.get()
    client.post(at(workspace, "import_confirm", run.pk))
    piece = client.get(at(workspace, "import_detail", run.pk), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece
    assert "import-state" in piece


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04zip", b"\x89PNG", b"a\x00b"])
def test_what_is_no_table_is_a_form_error(signed_in, owner, workspace, community, content) -> None:
    answer = send(signed_in(owner), workspace, "members", content, community=community.pk)
    assert answer.status_code == 422
    assert "file" in answer.context["form"].errors
    assert not ImportRun.objects.exists()


def test_a_foreign_community_cannot_be_chosen(signed_in, owner, workspace, community, foreign_community) -> None:
    answer = send(signed_in(owner), workspace, "members", MEMBERS.read_bytes(), community=foreign_community.pk)
    assert "community" in answer.context["form"].errors
    assert not ImportRun.objects.exists()


def test_a_zone_nobody_knows_is_said_on_the_preview(signed_in, owner, workspace, group) -> None:
    client = signed_in(owner)
    send(client, workspace, "events", CHANNEL.read_bytes(), group=group.pk, timezone="Mars/Olympus")
    page = client.get(at(workspace, "import_detail", ImportRun.objects.get().pk))
    assert page.status_code == 200
    assert page.context["problem"]


def test_cells_are_shown_as_text(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    send(client, workspace, "members", b"name\n<script>alert(1)</script>\n", community=community.pk)
    text = client.get(at(workspace, "import_detail", ImportRun.objects.get().pk)).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;" in text


def test_an_import_is_cancelled_and_started_again(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    send(client, workspace, "members", MEMBERS.read_bytes(), community=community.pk)
    run = ImportRun.objects.get()
    client.post(at(workspace, "import_cancel", run.pk))
    run_imports()
    assert not Member.objects.exists()
    client.post(at(workspace, "import_retry", run.pk))
    run_imports()
    assert Member.objects.count() == 4


@pytest.mark.parametrize("kind", ["horoscopes", "1"])
def test_an_unknown_kind_is_404(signed_in, owner, workspace, kind) -> None:
    assert signed_in(owner).get(at(workspace, "import_new", kind)).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("helper", 403), ("stranger", 404)])
def test_those_who_may_not_import_find_and_change_nothing(
    request, signed_in, owner, workspace, community, who, status
) -> None:
    send(signed_in(owner), workspace, "members", MEMBERS.read_bytes(), community=community.pk)
    run = ImportRun.objects.get()
    client = signed_in(request.getfixturevalue(who))
    assert client.get(at(workspace, "import_list")).status_code == status
    assert client.get(at(workspace, "import_detail", run.pk)).status_code == status
    for name in ("import_confirm", "import_cancel", "import_retry", "import_map"):
        assert client.post(at(workspace, name, run.pk)).status_code == status
    assert ImportRun.objects.get().state == "preview"


def test_another_workspaces_import_is_404(signed_in, owner, stranger, workspace, community) -> None:
    send(signed_in(owner), workspace, "members", MEMBERS.read_bytes(), community=community.pk)
    run = ImportRun.objects.get()
    client = signed_in(stranger)
    assert client.get(at(stranger.workspace, "import_detail", run.pk)).status_code == 404
    assert client.post(at(stranger.workspace, "import_confirm", run.pk)).status_code == 404
    assert ImportRun.objects.get().state == "preview"


def test_the_list_shows_what_came_in(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    assert client.get(at(workspace, "import_list")).status_code == 200
    send(client, workspace, "members", MEMBERS.read_bytes(), community=community.pk)
    assert "群友.csv" in client.get(at(workspace, "import_list")).content.decode()
