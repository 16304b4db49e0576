"""Importers and runs: preview writes nothing, a second run adds nothing, a dead worker's run goes on."""

import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import override

from community_ops.common import assets, clock, dbtime
from community_ops.common.errors import InvalidInput, InvalidTransition, NotAvailable
from community_ops.common.models import Asset, AuditEntry
from members import services
from members.errors import UnreadableFile
from members.importing.events import EventsImporter
from members.importing.people import PeopleImporter
from members.models import ImportRun, Member, MemberIdentity, MemberPhone, Membership, MembershipSpell
from members.ports import Progress, RowProblem, importers
from members.tasks import forget_files, run_imports
from messaging.models import InboundEvent
from tests.factories.people import SYSTEM, Someone
from tests.members.makers import make_community, make_group, make_member
from tests.members.paths import CHANNEL, MEMBERS
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def run(importer, content: bytes, **options) -> dict[str, object]:
    steps = list(importer.run(io.BytesIO(content), options, SYSTEM, NOON))
    return steps[-1].counts


def problems(importer, content: bytes, **options) -> list[tuple[int, str, str]]:
    steps = importer.run(io.BytesIO(content), options, SYSTEM, NOON)
    return [(one.line, one.field, one.code) for step in steps for one in step.problems]


@pytest.fixture
def to_group(group):
    return {"workspace": group.workspace_id, "group": group.pk, "timezone": "UTC"}


@pytest.fixture
def to_community(community):
    return {"workspace": community.workspace_id, "community": community.pk}


# --- events --------------------------------------------------------------------------------------------


def test_events_of_a_file_are_counted(to_group) -> None:
    assert run(EventsImporter(), CHANNEL.read_bytes(), **to_group) == {
        "rows": 9,
        "accepted": 5,
        "duplicates": 1,
        "rejected": 3,
        "authors": 3,
        "first_at": "2026-03-04T22:44:46Z",
        "last_at": "2026-03-05T08:01:00Z",
    }


def test_bad_rows_are_named_with_their_lines(to_group) -> None:
    assert problems(EventsImporter(), CHANNEL.read_bytes(), **to_group) == [
        (7, "occurred_at", "invalid"),
        (8, "", "malformed_json"),
        (9, "author", "required"),
    ]


def test_a_second_run_of_events_adds_nothing(to_group) -> None:
    run(EventsImporter(), CHANNEL.read_bytes(), **to_group)
    again = run(EventsImporter(), CHANNEL.read_bytes(), **to_group)
    assert (again["accepted"], again["duplicates"], again["rejected"]) == (0, 6, 3)
    assert (InboundEvent.objects.count(), Member.objects.count(), MembershipSpell.objects.count()) == (5, 3, 3)


def test_naive_times_are_meant_in_the_given_zone(to_group) -> None:
    counts = run(EventsImporter(), CHANNEL.read_bytes(), **to_group | {"timezone": "Asia/Shanghai"})
    assert counts["first_at"] == "2026-03-04T14:44:46Z"


def test_without_a_zone_times_are_the_groups(to_group) -> None:
    counts = run(EventsImporter(), CHANNEL.read_bytes(), **to_group | {"timezone": ""})
    assert counts["first_at"] == "2026-03-04T14:44:46Z"


def test_rows_without_ids_are_told_apart_by_their_content(to_group) -> None:
    content = "时间,昵称,内容\n2026/3/5 8:00,李姐,早\n2026/3/5 8:00,李姐,早\n2026/3/5 8:01,李姐,早\n".encode("gb18030")
    assert run(EventsImporter(), content, **to_group)["accepted"] == 3
    assert run(EventsImporter(), content, **to_group)["accepted"] == 0


def test_a_rehearsal_counts_the_same_and_writes_nothing(to_group) -> None:
    rehearsed = list(EventsImporter().rehearse(io.BytesIO(CHANNEL.read_bytes()), to_group))[-1].counts
    assert not InboundEvent.objects.exists()
    assert not Member.objects.exists()
    assert rehearsed == run(EventsImporter(), CHANNEL.read_bytes(), **to_group)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"group": 999_999}, "group"), ({"group": None}, "group"), ({"timezone": "Mars"}, "timezone")],
)
def test_options_that_cannot_work_are_refused(to_group, changes, field) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(EventsImporter(), CHANNEL.read_bytes(), **to_group | changes)
    assert caught.value.field == field


def test_another_workspaces_group_is_refused(to_group, foreign_group) -> None:
    with pytest.raises(InvalidInput):
        run(EventsImporter(), CHANNEL.read_bytes(), **to_group | {"group": foreign_group.pk})
    assert not InboundEvent.objects.exists()


def test_a_file_without_the_needed_columns_is_unreadable(to_group) -> None:
    with pytest.raises(UnreadableFile, match="occurred_at"):
        run(EventsImporter(), b"a,b\n1,2\n", **to_group)


def test_batches_are_transactions_of_their_own(to_group) -> None:
    lines = [f'{{"event_id": "e{n}", "time": "2026-03-05T08:00:00", "author": "a"}}' for n in range(2500)]
    steps = EventsImporter().run(io.BytesIO("\n".join(lines).encode()), to_group, SYSTEM, NOON)
    seen = [(step.counts["accepted"], InboundEvent.objects.count()) for step in steps]
    assert seen == [(0, 0), (1000, 1000), (2000, 2000), (2500, 2500)]


# --- members -------------------------------------------------------------------------------------------


def test_members_of_a_table_come_in(to_community) -> None:
    counts = run(PeopleImporter(), MEMBERS.read_bytes(), **to_community)
    assert counts == {"rows": 8, "accepted": 4, "duplicates": 1, "rejected": 3}
    assert sorted(member.display_name for member in Member.objects.all()) == ["小周", "小周", "李姐", "王哥"]
    assert sorted(MemberPhone.objects.values_list("last_four", flat=True)) == ["1234", "1234"]
    assert MemberIdentity.objects.filter(external_id="17850", namespace__startswith="import:").exists()
    joined = Member.objects.get(display_name="王哥").facts.first_joined_at
    assert joined.isoformat() == "2026-03-06T00:30:00+00:00"


def test_bad_people_are_named_with_their_lines(to_community) -> None:
    assert problems(PeopleImporter(), MEMBERS.read_bytes(), **to_community) == [
        (7, "phone", "invalid"),
        (8, "name", "required"),
        (9, "joined_at", "invalid"),
    ]


def test_a_second_run_of_members_adds_nothing(to_community) -> None:
    run(PeopleImporter(), MEMBERS.read_bytes(), **to_community)
    again = run(PeopleImporter(), MEMBERS.read_bytes(), **to_community)
    assert (again["accepted"], again["duplicates"]) == (0, 5)
    assert Member.objects.count() == 4


def test_members_join_the_group_of_the_import(to_community, group) -> None:
    run(PeopleImporter(), MEMBERS.read_bytes(), **to_community | {"group": group.pk})
    assert Membership.objects.filter(group=group, left_at__isnull=True).count() == 4
    spell = MembershipSpell.objects.get(membership__member__display_name="李姐")
    assert (spell.source, spell.joined_at.isoformat()) == ("import", "2026-03-04T16:00:00+00:00")


def test_a_group_of_another_community_is_refused(workspace, to_community) -> None:
    other = make_group(make_community(workspace, name="读书会"))
    with pytest.raises(InvalidInput):
        run(PeopleImporter(), MEMBERS.read_bytes(), **to_community | {"group": other.pk})
    assert not Member.objects.exists()


def test_a_rehearsal_of_members_counts_the_same_and_writes_nothing(to_community) -> None:
    rehearsed = list(PeopleImporter().rehearse(io.BytesIO(MEMBERS.read_bytes()), to_community))[-1].counts
    assert not Member.objects.exists()
    assert rehearsed == run(PeopleImporter(), MEMBERS.read_bytes(), **to_community)


def test_the_preview_shows_rows_duplicates_and_problems(to_community) -> None:
    preview = PeopleImporter().preview(io.BytesIO(MEMBERS.read_bytes()), to_community)
    assert (preview.row_count, preview.new_count, preview.duplicate_count, preview.problem_count) == (8, 4, 1, 3)
    assert [row.status for row in preview.rows] == ["new"] * 4 + ["duplicate"] + ["problem"] * 3
    assert preview.columns == ["姓名", "手机号", "编号", "入群时间"]
    assert preview.is_ready
    assert not Member.objects.exists()


def other_name() -> bytes:
    return "姓名,手机号\n李姐,13812341234\n李阿姨,138 1234 1234\n新人,13900000000\n".encode()


def test_the_preview_says_whose_number_a_row_has(to_community, community) -> None:
    make_member(community, "李姐", phone="13812341234")
    with override("en"):
        preview = PeopleImporter().preview(io.BytesIO(other_name()), to_community)
    assert [(row.status, row.note, row.is_notice) for row in preview.rows] == [
        ("duplicate", "Same phone as 李姐", False),
        ("duplicate", "Same phone as 李姐 in line 2", True),
        ("new", "", False),
    ]
    assert (preview.duplicate_count, preview.notice_count, preview.problem_count) == (2, 1, 0)


def test_another_spelling_of_the_name_is_no_notice(to_community, community) -> None:
    make_member(community, "李 姐A", phone="13812341234")
    preview = PeopleImporter().preview(io.BytesIO("姓名,手机号\n李姐ａ,13812341234\n".encode()), to_community)
    assert [(row.status, row.is_notice) for row in preview.rows] == [("duplicate", False)]


def test_a_number_of_an_earlier_row_is_noticed_in_preview_and_rehearsal(to_community) -> None:
    preview = PeopleImporter().preview(io.BytesIO(other_name()), to_community)
    assert [(row.status, row.is_notice) for row in preview.rows] == [
        ("new", False),
        ("duplicate", True),
        ("new", False),
    ]
    (step,) = [one for one in PeopleImporter().rehearse(io.BytesIO(other_name()), to_community) if one.notices]
    assert [(one.line, one.code, one.column) for one in step.notices] == [(3, "same_phone", "手机号")]


def test_a_number_whose_member_was_merged_names_who_is_left(to_community, community) -> None:
    gone, left = make_member(community, "李阿姨", phone="13812341234"), make_member(community, "李姐")
    Member.objects.filter(pk=gone.pk).update(merged_into=left)
    preview = PeopleImporter().preview(io.BytesIO(other_name()), to_community)
    assert [row.is_notice for row in preview.rows] == [False, True, False]


def test_a_number_in_another_community_is_nobodys_here(workspace, to_community) -> None:
    make_member(make_community(workspace, name="读书会"), "王哥", phone="13812341234")
    preview = PeopleImporter().preview(io.BytesIO("姓名,手机号\n李姐,13812341234\n".encode()), to_community)
    assert [(row.status, row.note) for row in preview.rows] == [("new", "")]


def test_notices_are_shown_before_what_is_simply_there(to_community, community) -> None:
    rows = [(f"群友{n}", f"138000{n:05}") for n in range(60)]
    for name, number in rows:
        make_member(community, name, phone=number)
    content = "\n".join(["姓名,手机号", *(f"{name},{number}" for name, number in rows), "别人,13800000059"])
    shown = PeopleImporter().preview(io.BytesIO(content.encode()), to_community).rows
    assert (len(shown), shown[-1].line, shown[-1].is_notice) == (50, 62, True)
    assert [row.line for row in shown] == sorted(row.line for row in shown)


def test_the_preview_asks_for_a_column_it_cannot_guess(to_community) -> None:
    content = "wer,phone\n李姐,13812341234\n".encode()
    assert not PeopleImporter().preview(io.BytesIO(content), to_community).is_ready
    chosen = to_community | {"mapping": {"name": "wer"}}
    assert PeopleImporter().preview(io.BytesIO(content), chosen).new_count == 1


# --- runs ----------------------------------------------------------------------------------------------


class Slow:
    """An importer a test can stop and break."""

    label, needs = "slow", ()

    def __init__(self) -> None:
        self.after_first = lambda: None
        self.runs = 0

    def preview(self, file, options):
        raise NotImplementedError

    def run(self, file, options, actor, now) -> Iterator[Progress]:
        self.runs += 1
        yield Progress({"rows": 1}, [RowProblem(2, "bad", "bad", "name")])
        self.after_first()
        yield Progress({"rows": 2})


@pytest.fixture
def slow(monkeypatch) -> Slow:
    importer = Slow()
    monkeypatch.setitem(importers._answers, "slow", importer)
    return importer


def upload(content: bytes = b"name\nx\n") -> SimpleUploadedFile:
    return SimpleUploadedFile("群友.csv", content)


def prepare(someone: Someone, kind: str = "slow", content: bytes = b"name\nx\n", **options) -> ImportRun:
    return services.prepare_import(
        workspace_id=someone.workspace.pk,
        kind=kind,
        file=upload(content),
        options=options,
        actor=someone.actor,
        now=NOON,
    )


def confirm(someone: Someone, import_run: ImportRun) -> ImportRun:
    return services.confirm_import(run=import_run, actor=someone.actor, now=NOON)


def test_an_upload_is_kept_and_waits_for_confirmation(owner, slow) -> None:
    import_run = prepare(owner)
    assert (import_run.state, import_run.created_by) == ("preview", owner.user)
    assert Asset.objects.get().delete_after == NOON + timedelta(days=30)
    run_imports()
    assert slow.runs == 0


A_MONTH = NOON + timedelta(days=30)


def test_an_uploaded_file_is_forgotten_after_thirty_days_and_its_run_stays(owner, community) -> None:
    import_run = confirm(owner, prepare(owner, "members", MEMBERS.read_bytes(), community=community.pk))
    run_imports()
    import_run.refresh_from_db()
    counts, path = import_run.counts, import_run.asset.path
    assert services.forget_files(now=A_MONTH - timedelta(seconds=1)) == 0
    assert (services.forget_files(now=A_MONTH), services.forget_files(now=A_MONTH)) == (1, 0)
    assert assets.delete_expired(now=A_MONTH) == 1
    import_run.refresh_from_db()
    assert (import_run.state, import_run.asset, import_run.counts) == ("done", None, counts)
    assert not default_storage.exists(path)
    with pytest.raises(InvalidTransition, match=r"not kept|不再保留"):
        services.preview_import(run=import_run)


def test_an_upload_that_nobody_confirmed_is_cancelled_with_its_file(owner, slow) -> None:
    import_run = prepare(owner)
    services.forget_files(now=A_MONTH)
    import_run.refresh_from_db()
    assert (import_run.state, import_run.asset) == ("cancelled", None)
    assert AuditEntry.objects.filter(verb="import.cancelled", actor_kind="system").count() == 1


def test_what_waits_for_its_worker_keeps_its_file(owner, slow) -> None:
    confirm(owner, prepare(owner))
    assert services.forget_files(now=A_MONTH) == 0
    assert assets.delete_expired(now=A_MONTH) == 0
    run_imports()
    assert slow.runs == 1


def test_the_tick_forgets_old_files(owner, slow, monkeypatch) -> None:
    prepare(owner)
    monkeypatch.setattr(clock, "now", lambda: A_MONTH)
    for _twice in range(2):
        forget_files()
    assert ImportRun.objects.get().asset is None


def test_a_confirmed_upload_is_brought_in_once(owner, community) -> None:
    import_run = prepare(owner, "members", MEMBERS.read_bytes(), community=community.pk)
    for _ in range(2):
        confirm(owner, import_run)
    for _ in range(2):
        run_imports()
    import_run.refresh_from_db()
    assert import_run.state == "done"
    assert import_run.counts == {"rows": 8, "accepted": 4, "duplicates": 1, "rejected": 3}
    assert [problem["line"] for problem in import_run.problems] == [7, 8, 9]
    assert [(one["line"], one["code"], one["column"]) for one in import_run.notices] == [(6, "same_phone", "手机号")]
    assert AuditEntry.objects.filter(verb="member.created").count() == 0
    assert set(AuditEntry.objects.filter(verb="members.created").values_list("actor_id", flat=True)) == {owner.user.pk}


@pytest.mark.parametrize(
    ("content", "row_count"),
    [
        (b"name\nx\n", 1),
        (b"name\nx\n\ny", 2),
        (b'name,phone\n"a\nb",\n', 1),
        (b"name\n", 0),
        (b'{"name": "x"}\n{"name": "y"}\n', 2),
        (b"name\n\xff\xff\xff", 0),
    ],
)
def test_only_rows_are_counted_not_the_header(owner, slow, content, row_count) -> None:
    assert confirm(owner, prepare(owner, content=content)).row_count == row_count


def test_a_retried_run_begins_without_notices(owner, slow, community) -> None:
    import_run = prepare(owner, "members", other_name(), community=community.pk)
    services.cancel_import(run=import_run, actor=owner.actor, now=NOON)
    ImportRun.objects.update(notices=[{"line": 9}])
    assert services.retry_import(run=import_run, actor=owner.actor, now=NOON).notices == []


def test_an_unknown_kind_or_a_file_that_is_no_table_is_refused(owner, slow) -> None:
    with pytest.raises(NotAvailable):
        prepare(owner, "horoscopes")
    with pytest.raises(InvalidInput):
        prepare(owner, content=b"PK\x03\x04zip")
    assert not ImportRun.objects.exists()


def test_a_cancelled_run_stops_after_its_batch(owner, slow) -> None:
    import_run = confirm(owner, prepare(owner))
    slow.after_first = lambda: services.cancel_import(run=import_run, actor=owner.actor, now=NOON)
    run_imports()
    import_run.refresh_from_db()
    assert (import_run.state, import_run.counts) == ("cancelled", {"rows": 1})


def test_cancelling_twice_is_once_and_an_ended_run_cannot_be(owner, slow) -> None:
    waiting = prepare(owner)
    for _ in range(2):
        services.cancel_import(run=waiting, actor=owner.actor, now=NOON)
    with pytest.raises(InvalidTransition):
        confirm(owner, waiting)
    ended = confirm(owner, prepare(owner))
    run_imports()
    with pytest.raises(InvalidTransition):
        services.cancel_import(run=ended, actor=owner.actor, now=NOON)


def test_a_run_that_breaks_says_so_and_can_be_started_again(owner, slow) -> None:
    def break_down():
        raise RuntimeError("the disk is full")

    slow.after_first = break_down
    import_run = confirm(owner, prepare(owner))
    run_imports()
    import_run.refresh_from_db()
    assert (import_run.state, import_run.error) == ("failed", "RuntimeError: the disk is full")
    slow.after_first = lambda: None
    services.retry_import(run=import_run, actor=owner.actor, now=NOON)
    run_imports()
    import_run.refresh_from_db()
    assert (import_run.state, import_run.counts, import_run.error) == ("done", {"rows": 2}, "")
    with pytest.raises(InvalidTransition):
        services.retry_import(run=import_run, actor=owner.actor, now=NOON)


def test_a_dead_workers_run_is_taken_up_and_its_late_finish_counts_nothing(owner, slow) -> None:
    import_run = confirm(owner, prepare(owner))

    def die():
        rows = ImportRun.objects.filter(pk=import_run.pk)
        rows.update(lease_until=dbtime.now() - timedelta(seconds=1))
        slow.after_first = lambda: None
        services.work_on_imports(now=NOON)  # another worker comes by
        assert rows.get().state == "done"

    slow.after_first = die
    run_imports()
    import_run.refresh_from_db()
    assert (import_run.state, slow.runs) == ("done", 2)
    assert AuditEntry.objects.filter(verb="import.done").count() == 1


def test_a_tick_during_a_run_leaves_the_other_files_to_it(owner, slow) -> None:
    """As `bin/run` without Redis has it, with files for more threads than there are."""
    for _ in range(2):
        confirm(owner, prepare(owner))
    seen = []

    def tick():
        run_imports()
        seen.append(slow.runs)

    slow.after_first = tick
    run_imports()
    assert seen == [1, 2]
    assert set(ImportRun.objects.values_list("state", flat=True)) == {"done"}


def test_a_running_import_is_left_alone(owner, slow) -> None:
    import_run = confirm(owner, prepare(owner))
    ImportRun.objects.filter(pk=import_run.pk).update(state="running", lease_until=dbtime.now() + timedelta(minutes=1))
    run_imports()
    assert slow.runs == 0


def test_a_run_of_somebody_without_a_role_fails(owner, slow) -> None:
    import_run = confirm(owner, prepare(owner))
    owner.user.roles.all().delete()
    run_imports()
    import_run.refresh_from_db()
    assert import_run.state == "failed"


def test_options_change_only_before_confirmation(owner, slow) -> None:
    import_run = prepare(owner)
    services.change_options(run=import_run, options={"mapping": {"name": "x"}, "workspace": 99, "evil": 1}, now=NOON)
    assert import_run.options == {"mapping": {"name": "x"}, "workspace": owner.workspace.pk}
    confirm(owner, import_run)
    with pytest.raises(InvalidTransition):
        services.change_options(run=import_run, options={"mapping": {}}, now=NOON)
