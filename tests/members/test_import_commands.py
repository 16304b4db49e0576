"""import_events and import_members as they are typed."""

import csv
import json

import pytest
from django.core.management import CommandError, call_command

from members.models import Member, Membership
from messaging.models import InboundEvent
from tests.members.paths import CHANNEL, MEMBERS

pytestmark = pytest.mark.django_db


def last_line(capsys) -> dict[str, object]:
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def import_events(group, *more: str, path: object = CHANNEL) -> None:
    call_command("import_events", str(path), "--workspace", group.workspace.slug, "--group", str(group.pk), *more)


def import_members(community, *more: str, path: object = MEMBERS) -> None:
    call_command(
        "import_members", str(path), "--workspace", community.workspace.slug, "--community", str(community.pk), *more
    )


def test_events_end_with_their_counts_as_json(group, capsys) -> None:
    import_events(group)
    assert last_line(capsys) == {
        "rows": 9,
        "accepted": 5,
        "duplicates": 1,
        "rejected": 3,
        "authors": 3,
        "first_at": "2026-03-04T22:44:46Z",
        "last_at": "2026-03-05T08:01:00Z",
    }
    import_events(group)
    assert last_line(capsys)["accepted"] == 0


def test_the_zone_of_naive_times_can_be_said(group, capsys) -> None:
    import_events(group, "--timezone", "America/New_York")
    assert last_line(capsys)["first_at"] == "2026-03-05T03:44:46Z"


def test_a_dry_run_counts_and_writes_nothing(group, community, capsys) -> None:
    import_events(group, "--dry-run")
    assert last_line(capsys)["accepted"] == 5
    import_members(community, "--dry-run")
    assert last_line(capsys)["accepted"] == 4
    assert not InboundEvent.objects.exists()
    assert not Member.objects.exists()


def test_the_report_names_line_code_and_field(group, tmp_path) -> None:
    import_events(group, "--report", str(tmp_path / "report.csv"))
    with (tmp_path / "report.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["code"], row["field"]) for row in rows] == [
        ("7", "invalid", "occurred_at"),
        ("8", "malformed_json", ""),
        ("9", "required", "author"),
    ]


def test_members_end_with_their_counts_and_join_the_group(group, capsys) -> None:
    import_members(group.community, "--group", str(group.pk))
    assert last_line(capsys) == {"rows": 8, "accepted": 4, "duplicates": 1, "rejected": 3, "joined": 0}
    assert Membership.objects.filter(group=group).count() == 4


def test_a_number_under_another_name_is_said_on_stderr(community, capsys) -> None:
    import_members(community)
    assert "line 6: " in capsys.readouterr().err


def test_an_empty_table_is_no_error(community, tmp_path, capsys) -> None:
    (tmp_path / "empty.csv").write_text("name,phone\n")
    import_members(community, path=tmp_path / "empty.csv")
    assert last_line(capsys) == {"rows": 0, "accepted": 0, "duplicates": 0, "rejected": 0}


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04zip", b"a,b\n1,2\n", b"name\n\xff\xff\xff"])
def test_an_unreadable_file_exits_with_2(community, tmp_path, content) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        import_members(community, path=path)
    assert caught.value.returncode == 2
    assert not Member.objects.exists()


def test_a_folder_is_an_unreadable_file(community, tmp_path) -> None:
    with pytest.raises(CommandError) as caught:
        import_members(community, path=tmp_path)
    assert caught.value.returncode == 2


def test_an_unknown_group_or_workspace_is_an_error_and_writes_nothing(group, foreign_group) -> None:
    for slug, pk in ((group.workspace.slug, foreign_group.pk), ("nobodys", group.pk)):
        with pytest.raises(CommandError) as caught:
            call_command("import_events", str(CHANNEL), "--workspace", slug, "--group", str(pk))
        assert caught.value.returncode == 1
    assert not InboundEvent.objects.exists()
