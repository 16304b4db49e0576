"""A file with members who are there already: they join the chosen group, once; and what the preview says of a file."""

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.translation import override

from community_ops.common.models import AuditEntry
from members import services
from members.errors import UnreadableFile
from members.importing.people import PeopleImporter
from members.models import ImportRun, Member, Membership, MembershipSpell
from members.tasks import run_imports
from tests.factories.people import SYSTEM
from tests.members.makers import make_member
from tests.moments import NOON

pytestmark = pytest.mark.django_db
FILE = "姓名,手机号,备注\n李姐,13812341234,a\n李姐,13812341234,b\n新人,13900000000,c\n".encode()


@pytest.fixture
def into_group(group):
    return {"workspace": group.workspace_id, "community": group.community_id, "group": group.pk}


def bring_in(content: bytes, now=NOON, **options) -> dict[str, object]:
    return list(PeopleImporter().run(io.BytesIO(content), options, SYSTEM, now))[-1].counts


def at(workspace, name: str, *args: object) -> str:
    return reverse(f"members:{name}", args=[workspace.slug, *args])


def send(client, workspace, content: bytes, name: str = "群友.csv", **options: object):
    client.cookies["django_language"] = "en"
    form = {"file": SimpleUploadedFile(name, content), **options}
    return client.post(at(workspace, "import_new", "members"), form)


def test_members_who_are_there_already_join_the_group_once(into_group, community, group, second_group) -> None:
    known = make_member(community, "李姐", phone="13812341234", group=second_group)
    counts = bring_in(FILE, **into_group)
    assert counts == {"rows": 3, "accepted": 1, "duplicates": 2, "rejected": 0, "joined": 1}
    spell = MembershipSpell.objects.get(membership__member=known, membership__group=group)
    assert (spell.source, spell.joined_at) == ("import", NOON)
    assert Membership.objects.filter(member=known, left_at__isnull=True).count() == 2
    assert AuditEntry.objects.get(verb="members.joined").after == {"count": 1, "source": "import"}


def test_a_second_run_into_the_group_changes_nothing(into_group, community) -> None:
    make_member(community, "李姐", phone="13812341234")
    bring_in(FILE, **into_group)
    before = list(MembershipSpell.objects.order_by("pk").values())
    counts = bring_in(FILE, now=NOON + timedelta(days=1), **into_group)
    assert (counts["accepted"], counts["duplicates"], counts["joined"]) == (0, 3, 0)
    assert list(MembershipSpell.objects.order_by("pk").values()) == before
    assert AuditEntry.objects.filter(verb="members.joined").count() == 1


def test_who_left_comes_back_unless_the_row_tells_of_a_day_before(into_group, community, group) -> None:
    member = make_member(community, "李姐", phone="13812341234", group=group)
    services.leave(membership=Membership.objects.get(), actor=SYSTEM, now=NOON + timedelta(hours=1))
    old = "姓名,手机号,入群时间\n李姐,13812341234,2026-03-05\n".encode()
    later = NOON + timedelta(days=1)
    assert bring_in(old, now=later, **into_group)["joined"] == 0
    assert bring_in(FILE, now=later, **into_group)["joined"] == 1
    assert Membership.objects.get(member=member).joined_at == later


def test_a_merged_members_number_brings_who_is_left_into_the_group(into_group, community, group) -> None:
    gone, left = make_member(community, "李阿姨", phone="13812341234"), make_member(community, "李姐")
    Member.objects.filter(pk=gone.pk).update(merged_into=left)
    bring_in(FILE, **into_group)
    assert Membership.objects.filter(group=group, member=left).exists()
    assert not Membership.objects.filter(member=gone).exists()


def test_a_rehearsal_into_a_group_counts_the_same_and_writes_nothing(into_group, community) -> None:
    make_member(community, "李姐", phone="13812341234")
    rehearsed = list(PeopleImporter().rehearse(io.BytesIO(FILE), into_group))[-1].counts
    assert not Membership.objects.exists()
    assert rehearsed == bring_in(FILE, **into_group)


def test_without_a_group_nobody_joins_and_the_figures_are_the_same_four(into_group, community) -> None:
    make_member(community, "李姐", phone="13812341234")
    counts = bring_in(FILE, **into_group | {"group": None})
    assert counts == {"rows": 3, "accepted": 1, "duplicates": 2, "rejected": 0}
    assert not Membership.objects.exists()


def test_a_file_of_known_people_can_be_imported_into_a_group(signed_in, owner, workspace, community, group) -> None:
    client, file = signed_in(owner), "姓名,手机号\n李姐,13812341234\n".encode()
    make_member(community, "李姐", phone="13812341234")
    send(client, workspace, file, community=community.pk, group=group.pk)
    run = ImportRun.objects.get()
    confirm, detail = at(workspace, "import_confirm", run.pk), at(workspace, "import_detail", run.pk)
    page = client.get(detail)
    preview = page.context["preview"]
    assert (preview.new_count, preview.joining_count, preview.duplicate_count) == (0, 1, 0)
    assert (confirm in page.content.decode(), "Members who join the group" in page.content.decode()) == (True, True)
    assert "You may leave this page" in client.post(confirm, follow=True).content.decode()
    run_imports()
    done = client.get(detail)
    assert done.context["counts"][:4] == [
        ("Rows", 1),
        ("New", 0),
        ("Members who joined the group", 1),
        ("Already there", 0),
    ]
    assert "You may leave this page" not in done.content.decode()
    assert Membership.objects.filter(group=group).count() == 1


def test_nothing_to_change_has_no_import_button(signed_in, owner, workspace, community, group) -> None:
    client, file = signed_in(owner), "姓名,手机号\n李姐,13812341234\n".encode()
    make_member(community, "李姐", phone="13812341234", group=group)
    send(client, workspace, file, community=community.pk, group=group.pk)
    run = ImportRun.objects.get()
    page = client.get(at(workspace, "import_detail", run.pk)).content.decode()
    assert at(workspace, "import_confirm", run.pk) not in page
    assert "Joins the group" not in page


def test_the_preview_names_unused_columns_and_repeated_rows(signed_in, owner, workspace, community, group) -> None:
    client = signed_in(owner)
    make_member(community, "李姐", phone="13812341234")
    send(client, workspace, FILE, community=community.pk, group=group.pk)
    page = client.get(at(workspace, "import_detail", ImportRun.objects.get().pk))
    preview = page.context["preview"]
    assert (preview.unused_columns, preview.repeated_count) == (["备注"], 1)
    assert [(row.status, row.first_line) for row in preview.rows] == [("joins", 0), ("duplicate", 2), ("new", 0)]
    text = page.content.decode()
    assert "Same phone as 李姐 in line 2" in text
    assert ("Twice in the file" in text, "备注" in text, "Line 3" in text) == (True, True, True)


def test_a_repeated_id_names_its_first_line(into_group) -> None:
    content = "姓名,编号\n李姐,7\n王哥,8\n李姐,7.0\n".encode()
    with override("en"):
        rows = PeopleImporter().preview(io.BytesIO(content), into_group).rows
    assert [row.note for row in rows] == ["", "", "Same id as 李姐 in line 2"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("群友.xlsx", b"PK\x03\x04zip"),
        ("群友.csv", b"PK\x03\x04zip"),
        ("群友.xls", b"\xd0\xcf\x11\xe0\x00"),
        ("a.et", b"a\0"),
    ],
)
def test_a_workbook_is_refused_with_what_to_do(signed_in, owner, workspace, community, name, content) -> None:
    answer = send(signed_in(owner), workspace, content, name, community=community.pk)
    assert (answer.status_code, ImportRun.objects.exists()) == (422, False)
    assert "Save as → CSV UTF-8" in answer.context["form"].errors["file"][0]


def test_the_command_meets_a_workbook_with_the_same_words(into_group) -> None:
    with override("en"), pytest.raises(UnreadableFile, match="CSV UTF-8"):
        bring_in(b"PK\x03\x04zip", **into_group)


def test_members_are_numbered_in_the_order_of_the_file(into_group) -> None:
    names = ["王", "李", "张", "赵", "钱"]
    rows = [f"{name},{'' if name == '张' else f'1390000000{n}'},{n if n == 1 else ''}" for n, name in enumerate(names)]
    bring_in("\n".join(["姓名,手机号,编号", *rows]).encode(), **into_group)
    assert list(Member.objects.order_by("id").values_list("display_name", flat=True)) == names
