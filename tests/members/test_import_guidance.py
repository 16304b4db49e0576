"""What an import says beforehand: the columns, a template, where the file goes, and masked numbers."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from members import phones
from members.importing import samples
from members.models import ImportRun, Member
from members.ports import importers
from members.tasks import run_imports
from tests.members.makers import make_community, make_group

pytestmark = pytest.mark.django_db
KINDS = ["members", "events", "orders"]


def at(workspace, name: str, *args: object) -> str:
    return reverse(f"members:{name}", args=[workspace.slug, *args])


def speak(client, language: str):
    client.cookies["django_language"] = language
    return client


def upload(client, workspace, kind: str, content: bytes, **options: object):
    form = {"file": SimpleUploadedFile("群友.csv", content), **options}
    return client.post(at(workspace, "import_new", kind), form)


def previewed(client, workspace):
    return client.get(at(workspace, "import_detail", ImportRun.objects.get().pk))


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_template_of_a_kind_comes_in_as_it_is(signed_in, owner, workspace, group, kind, language) -> None:
    client = speak(signed_in(owner), language)
    answer = client.get(at(workspace, "import_template", kind))
    assert answer["Content-Disposition"] == f'attachment; filename="{kind}.csv"'
    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert all(row)
    assert all(column.isascii() is (language == "en") for column in header)
    upload(client, workspace, kind, answer.content, community=group.community_id, group=group.pk)
    preview = previewed(client, workspace).context["preview"]
    assert (preview.new_count, preview.problem_count) == (1, 0)
    assert [field.column for field in preview.fields] == header


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_step_lists_the_columns(signed_in, owner, workspace, group, kind) -> None:
    page = speak(signed_in(owner), "en").get(at(workspace, "import_new", kind))
    columns = page.context["columns"]
    assert columns[0].is_required
    text = page.content.decode()
    assert at(workspace, "import_template", kind) in text
    assert all(column.name in text and column.example in text for column in columns)


def test_a_kind_that_reads_no_tables_lists_nothing(monkeypatch) -> None:
    monkeypatch.setitem(importers._answers, "pictures", object())
    assert samples.columns_of("pictures") == []


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("helper", 403), ("stranger", 404), ("owner", 404)])
def test_who_gets_no_template(request, signed_in, workspace, who, status) -> None:
    kind = "horoscopes" if who == "owner" else "members"
    client = signed_in(request.getfixturevalue(who))
    assert client.get(at(workspace, "import_template", kind)).status_code == status


def test_the_only_group_is_chosen_beforehand_with_its_community(signed_in, owner, workspace, community) -> None:
    group = make_group(make_community(workspace, name="读书会"), "读书群")
    client = signed_in(owner)
    form = client.get(at(workspace, "import_new", "members")).context["form"]
    assert (form["group"].value(), form["community"].value()) == (group.pk, group.community_id)
    assert "读书会 · 读书群" in str(form["group"])
    make_group(community)
    form = client.get(at(workspace, "import_new", "members")).context["form"]
    assert (form["group"].value(), form["community"].value()) == (None, None)


def test_a_group_of_another_community_is_refused_at_once(signed_in, owner, workspace, community, group) -> None:
    other = make_group(make_community(workspace, name="读书会"), "读书群")
    answer = upload(
        signed_in(owner), workspace, "members", "姓名\n李姐\n".encode(), community=community.pk, group=other.pk
    )
    assert (answer.status_code, "group" in answer.context["form"].errors) == (422, True)
    assert not ImportRun.objects.exists()


def test_without_a_place_to_go_the_page_says_what_comes_first(signed_in, owner, workspace) -> None:
    client = speak(signed_in(owner), "en")
    page = client.get(at(workspace, "import_new", "members")).content.decode()
    assert ("Found a community first" in page, "<select" in page) == (True, False)
    make_community(workspace)
    page = client.get(at(workspace, "import_new", "events")).content.decode()
    assert ("Add a group first" in page, f"/w/{workspace.slug}/groups/new/" in page) == (True, True)
    assert "<select" in client.get(at(workspace, "import_new", "members")).content.decode()
    assert upload(client, workspace, "events", b"time,author\n").status_code == 200
    assert not ImportRun.objects.exists()


def test_the_preview_says_where_the_file_goes(signed_in, owner, workspace, community, group) -> None:
    client, file = speak(signed_in(owner), "en"), "姓名\n李姐\n".encode()
    upload(client, workspace, "members", file, community=community.pk, group=group.pk)
    assert previewed(client, workspace).context["destination"] == [("Community", "晨跑社"), ("Group", "1 群")]
    ImportRun.objects.all().delete()
    upload(client, workspace, "members", file, community=community.pk)
    assert previewed(client, workspace).context["destination"] == [("Community", "晨跑社"), ("Group", "None")]
    ImportRun.objects.all().delete()
    upload(client, workspace, "orders", b"invoice\n1\n", community=community.pk)
    assert previewed(client, workspace).context["destination"] == [("Community", "晨跑社")]


def test_numbers_are_masked_in_the_preview(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    upload(client, workspace, "members", "姓名,电话\n李姐,138 1234 1234\n王哥,12\n".encode(), community=community.pk)
    page = previewed(client, workspace)
    assert [row.cells for row in page.context["preview"].rows] == [["李姐", "138****1234"], ["王哥", "12"]]
    assert "138 1234 1234" not in page.content.decode()
    client.post(at(workspace, "import_confirm", ImportRun.objects.get().pk))
    run_imports()
    assert Member.objects.get().phones.get().value == "+8613812341234"


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("13812341234", "138****1234"),
        ("+86 138-1234-1234", "138****1234"),
        ("0086１３８12341234", "138****1234"),
        ("+44 20 7946 0958", "442****0958"),
        ("1234567", "****4567"),
        ("12345", "12345"),
        ("李姐", "李姐"),
        ("", ""),
    ],
)
def test_what_is_seen_of_a_number_in_a_file(typed, seen) -> None:
    assert phones.masked(typed) == seen


def test_the_result_names_the_columns_of_the_file(signed_in, owner, workspace, community) -> None:
    client = speak(signed_in(owner), "en")
    upload(client, workspace, "members", "姓名,电话\n李姐,12\n王哥,\n".encode(), community=community.pk)
    note = next(row.note for row in previewed(client, workspace).context["preview"].rows if row.note)
    client.post(at(workspace, "import_confirm", ImportRun.objects.get().pk))
    run_imports()
    done = previewed(client, workspace)
    assert note.startswith("电话: ")
    assert [row["column"] for row in done.context["problems"]] == ["电话"]
    assert ">电话</td>" in done.content.decode()
    assert done.context["counts"][0] == ("Rows", 2)
