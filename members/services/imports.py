"""Uploaded files: kept, previewed, confirmed, brought in by a worker that survives the page and itself."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from community_ops.accounts.selectors import get_workspace_for
from community_ops.common import assets, audit, dbtime
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import DomainError, InvalidTransition
from community_ops.common.nudge import nudge
from members.errors import UnreadableFile
from members.importing.tables import read_table, refuse_workbook
from members.models import ImportRun, ImportState
from members.ports import Importer, Preview, Progress, RowProblem, importers

IMPORT_TASK = "members.tasks.run_imports"
KEEP_FILE = timedelta(days=30)
LEASE = timedelta(minutes=2)  # far more than one batch of 1,000 rows takes
MAX_PROBLEMS_KEPT = 1000  # and as many notices
OPTIONS = ("community", "group", "timezone", "currency", "mapping")
log = logging.getLogger(__name__)


@transaction.atomic
def prepare_import(
    *, workspace_id: int, kind: str, file: File, options: Mapping[str, Any], actor: Actor, now: datetime
) -> ImportRun:
    """Keep an uploaded file for 30 days and make its run, waiting for confirmation. One audit row.

    `options`: JSON scalars for the importer, and `mapping` (target -> column). Raises FileRefused,
    UnreadableFile for a workbook, and NotAvailable for a kind nobody imports. Nothing of the file is brought in yet.
    """
    importers.get(kind)
    refuse_workbook(file.open("rb").read(4096), file.name or "")
    asset = assets.store_table(file, workspace_id=workspace_id, delete_after=now + KEEP_FILE)
    run = ImportRun.objects.create(
        workspace_id=workspace_id,
        kind=kind,
        file_name=asset.file_name,
        asset=asset,
        options={**_known(options), "workspace": workspace_id},
        created_by_id=actor.id if actor.kind is ActorKind.USER else None,
    )
    audit.record(actor=actor, verb="import.prepared", target=run, now=now, after={"kind": kind, "file": run.file_name})
    return run


@transaction.atomic
def change_options(*, run: ImportRun, options: Mapping[str, Any], now: datetime) -> ImportRun:
    """Change what a run waiting for confirmation will do (mapping, group …). Raises InvalidTransition later on."""
    merged = {**run.options, **_known(options), "workspace": run.workspace_id}
    waiting = ImportRun.objects.filter(pk=run.pk, state=ImportState.PREVIEW)
    if not waiting.update(options=merged, updated_at=now):
        raise InvalidTransition(_("This import has been started already."))
    run.options = merged
    return run


def preview_import(*, run: ImportRun) -> Preview:
    """What the file would do with the run's options; reads only. Raises InvalidInput for what cannot work."""
    with open_file(run) as file:
        return _importer(run).preview(file, run.options)


@transaction.atomic
def confirm_import(*, run: ImportRun, actor: Actor, now: datetime) -> ImportRun:
    """Queue the run for the worker, who reports in the language of this moment.

    Twice is once; raises InvalidTransition for a cancelled one.
    """
    waiting = ImportRun.objects.filter(pk=run.pk, state=ImportState.PREVIEW)
    if waiting.update(**_queued(), row_count=_count_rows(run), updated_at=now):
        audit.record(actor=actor, verb="import.confirmed", target=run, now=now, after={"options": run.options})
        nudge(IMPORT_TASK)
    run.refresh_from_db()
    if run.state == ImportState.CANCELLED:
        raise InvalidTransition(_("This import was cancelled."))
    return run


@transaction.atomic
def cancel_import(*, run: ImportRun, actor: Actor, now: datetime) -> ImportRun:
    """Stop the run after its current batch; batches already in stay. Twice is once.

    Raises InvalidTransition when it has ended.
    """
    open_states = (ImportState.PREVIEW, ImportState.QUEUED, ImportState.RUNNING)
    rows = ImportRun.objects.filter(pk=run.pk, state__in=open_states)
    if rows.update(state=ImportState.CANCELLED, finished_at=now, lease_owner="", lease_until=None, updated_at=now):
        audit.record(actor=actor, verb="import.cancelled", target=run, now=now)
    run.refresh_from_db()
    if run.state != ImportState.CANCELLED:
        raise InvalidTransition(_("This import has ended."))
    return run


@transaction.atomic
def retry_import(*, run: ImportRun, actor: Actor, now: datetime) -> ImportRun:
    """Queue a failed or cancelled run again; rows that came in before are met as duplicates."""
    ended = ImportRun.objects.filter(pk=run.pk, state__in=(ImportState.FAILED, ImportState.CANCELLED))
    changes: dict[str, Any] = {
        "counts": {},
        "problems": [],
        "notices": [],
        "error": "",
        "finished_at": None,
        "started_at": None,
        "updated_at": now,
    }
    if not ended.update(**_queued(), **changes):
        raise InvalidTransition(_("Only an import that failed or was cancelled can be started again."))
    audit.record(actor=actor, verb="import.retried", target=run, now=now)
    nudge(IMPORT_TASK)
    run.refresh_from_db()
    return run


def _queued() -> dict[str, Any]:
    return {"state": ImportState.QUEUED, "language": get_language() or settings.LANGUAGE_CODE}


def forget_files(*, now: datetime) -> int:
    """Let go of uploaded files whose time is past; returns how many runs had one.

    `common.assets.delete_expired` deletes them then. Imports that nobody confirmed by that time are cancelled; what
    waits for its worker keeps its file. The runs and their counts stay. Safe to repeat and to run twice.
    """
    old = ImportRun.objects.filter(asset__delete_after__lte=now)
    for run in old.filter(state=ImportState.PREVIEW).order_by("pk"):
        _cancel_forgotten(run, now)
    ended = (ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED)
    return ImportRun.objects.filter(pk__in=list(old.values_list("pk", flat=True)), state__in=ended).update(
        asset=None, updated_at=now
    )


def _cancel_forgotten(run: ImportRun, now: datetime) -> None:
    try:
        cancel_import(run=run, actor=Actor.system("members.forget_files"), now=now)
    except InvalidTransition:  # somebody confirmed it at this moment
        log.info("an import was confirmed when its file was to be forgotten", extra={"import_run": run.pk})


def work_on_imports(*, now: datetime) -> int:
    """Bring in files that wait, or whose worker died, one after the other; returns how many ended.

    Each row is claimed by one conditional update with a lease that every batch renews. A run that
    starts again meets its earlier batches as duplicates, so nothing comes in twice.
    """
    count = 0
    while (run := _claim(now)) is not None:
        _work_on(run, now)
        count += 1
    return count


def open_file(run: ImportRun) -> IO[bytes]:
    """The kept file. Raises InvalidTransition when it is not kept any more."""
    if run.asset is None or not default_storage.exists(run.asset.path):
        raise InvalidTransition(_("The file is not kept any more; upload it again."))
    file: IO[bytes] = default_storage.open(run.asset.path, "rb")
    return file


def _count_rows(run: ImportRun) -> int:
    """Rows of the kept table, without its header; 0 for what cannot be read (the run itself says why)."""
    with open_file(run) as file:
        try:
            return sum(1 for _row in read_table(file).rows)
        except UnreadableFile:
            return 0


def _known(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in OPTIONS if name in options}


def _importer(run: ImportRun) -> Importer:
    return importers.get(run.kind)


def _to_do() -> Q:
    lost = Q(state=ImportState.RUNNING) & (Q(lease_until__isnull=True) | Q(lease_until__lt=dbtime.now()))
    return Q(state=ImportState.QUEUED) | lost


def _claim(now: datetime) -> ImportRun | None:
    for pk in ImportRun.objects.filter(_to_do()).order_by("id").values_list("pk", flat=True)[:20]:
        owner = secrets.token_hex(8)
        claimed = ImportRun.objects.filter(_to_do(), pk=pk).update(
            state=ImportState.RUNNING,
            lease_owner=owner,
            lease_until=dbtime.now() + LEASE,
            started_at=now,
            counts={},
            problems=[],
            notices=[],
            updated_at=now,
        )
        if claimed:
            return ImportRun.objects.select_related("asset", "created_by", "workspace").get(pk=pk)
    return None


def _work_on(run: ImportRun, now: datetime) -> None:
    with translation.override(run.language):
        _bring_in(run, now)


def _bring_in(run: ImportRun, now: datetime) -> None:
    try:
        with open_file(run) as file:
            for progress in _importer(run).run(file, run.options, _actor(run), now):
                if not _note_progress(run, progress, now):
                    return  # cancelled, or another worker has it now
    except DomainError as refusal:
        _end(run, ImportState.FAILED, now, error=str(refusal.message))
    except Exception as error:
        log.exception("import failed", extra={"import_run": run.pk})
        _end(run, ImportState.FAILED, now, error=f"{type(error).__name__}: {error}")
    else:
        _end(run, ImportState.DONE, now)


def _actor(run: ImportRun) -> Actor:
    """Who started it, with the role she has now; NotFound when she has none any more."""
    if run.created_by is not None:
        return get_workspace_for(run.created_by, run.workspace.slug)[1]
    return Actor(kind=ActorKind.SYSTEM, id=None, label="members.run_imports", workspace_id=run.workspace_id)


def _mine(run: ImportRun) -> Any:
    return ImportRun.objects.filter(pk=run.pk, state=ImportState.RUNNING, lease_owner=run.lease_owner)


def _note_progress(run: ImportRun, progress: Progress, now: datetime) -> bool:
    run.problems = _kept(run.problems, progress.problems)
    run.notices = _kept(run.notices, progress.notices)
    run.counts = progress.counts
    return bool(
        _mine(run).update(
            counts=run.counts,
            problems=run.problems,
            notices=run.notices,
            lease_until=dbtime.now() + LEASE,
            updated_at=dbtime.now(),
        )
    )


def _kept(rows: list[dict[str, Any]], more: Sequence[RowProblem]) -> list[dict[str, Any]]:
    room = MAX_PROBLEMS_KEPT - len(rows)
    return [*rows, *(one.as_row() for one in more[:room])]


@transaction.atomic
def _end(run: ImportRun, state: str, now: datetime, *, error: str = "") -> None:
    ended = {"state": state, "error": error[:500], "finished_at": now, "lease_owner": "", "lease_until": None}
    if _mine(run).update(**ended, updated_at=now):
        audit.record(actor=_ender(run), verb=f"import.{state}", target=run, now=now, after={"counts": run.counts})


def _ender(run: ImportRun) -> Actor:
    return Actor.system("members.run_imports")
