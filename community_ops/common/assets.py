"""Files: type sniffed from content, size limited, stored once per workspace and content."""

import hashlib
from collections.abc import Collection
from datetime import datetime

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput
from community_ops.common.models import Asset

TABLE_TYPES = frozenset({"text/csv", "application/x-ndjson"})
MAX_TABLE_BYTES = 50 * 1024 * 1024


class FileRefused(InvalidInput):
    code = "file_refused"
    field = "file"


def store_table(file: File, *, workspace_id: int, delete_after: datetime) -> Asset:
    """Keep an uploaded CSV or JSON-lines file until `delete_after`; the same content is kept once.

    Raises FileRefused when it is too large, empty, or not a text table.
    """
    return _store(
        file, workspace_id=workspace_id, allowed=TABLE_TYPES, max_bytes=MAX_TABLE_BYTES, delete_after=delete_after
    )


def _store(
    file: File, *, workspace_id: int, allowed: Collection[str], max_bytes: int, delete_after: datetime | None
) -> Asset:
    if not 0 < file.size <= max_bytes:
        raise FileRefused(f"The file must have 1 byte to {max_bytes // 2**20} MB.")
    kind = sniff(file.open("rb").read(4096))
    if kind not in allowed:
        raise FileRefused(_("This is not a CSV or JSON-lines text file."))
    digest = _sha256(file)
    path = f"{workspace_id}/{digest[:2]}/{digest}"
    if not default_storage.exists(path):
        file.seek(0)
        path = default_storage.save(path, file)
    facts = {"content_type": kind, "size_bytes": file.size, "file_name": (file.name or "file")[-200:], "path": path}
    return _row(workspace_id, digest, {**facts, "delete_after": delete_after})


def _row(workspace_id: int, digest: str, facts: dict[str, object]) -> Asset:
    try:
        with transaction.atomic():
            return Asset.objects.update_or_create(workspace_id=workspace_id, sha256=digest, defaults=facts)[0]
    except IntegrityError:
        return Asset.objects.get(workspace_id=workspace_id, sha256=digest)


def sniff(head: bytes) -> str:
    """The content type of the first bytes: JSON lines, CSV (any other text), or octet-stream."""
    if b"\0" in head or head.startswith((b"PK\x03\x04", b"%PDF", b"\xff\xd8", b"\x89PNG", b"\x1f\x8b")):
        return "application/octet-stream"
    return "application/x-ndjson" if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") else "text/csv"


def _sha256(file: File) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in file.chunks(2**20):
        digest.update(chunk)
    return digest.hexdigest()
