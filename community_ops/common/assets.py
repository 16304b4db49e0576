"""Files: type sniffed from content, size limited, stored once per workspace and content.

An image is written anew before it is kept (`common.pictures`); a file that is handed on stays as it came. Both are
handed out by a signed link that whoever has it may use (`asset_views`): platforms that fetch images have no other key.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.core import signing
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.urls import reverse
from django.utils.translation import gettext as _

from community_ops.common import pictures
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from community_ops.common.models import Asset
from community_ops.common.tenancy import TenantQuerySet

TABLE_TYPES = frozenset({"text/csv", "application/x-ndjson"})
IMAGE_TYPES = frozenset({"image/jpeg", "image/png"})
FILE_TYPE = "application/octet-stream"  # of a file to be handed on as it is: nothing here opens it
MAX_FILE_BYTES = 20 * 1024 * 1024  # no platform served here takes a larger one
SENDABLE_TYPES = IMAGE_TYPES | {FILE_TYPE}
MAX_TABLE_BYTES = 50 * 1024 * 1024
_LINK_SALT = "community_ops.assets"


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


def store_image(file: File, *, workspace_id: int) -> Asset:
    """Keep an uploaded image as `pictures.clean` writes it; the same content is kept once.

    Raises PictureRefused naming `image`.
    """
    if file.size > pictures.MAX_BYTES:
        raise pictures.PictureRefused(
            _("An image may have up to %(count)d MB.") % {"count": pictures.MAX_BYTES // 2**20}
        )
    file.seek(0)
    data, content_type = pictures.clean(file.read())
    name = f"{(file.name or 'image').rpartition('.')[0][-180:] or 'image'}.{content_type.partition('/')[2]}"
    digest = hashlib.sha256(data).hexdigest()
    facts = {"content_type": content_type, "size_bytes": len(data), "file_name": name, "delete_after": None}
    return _kept(ContentFile(data), workspace_id, digest, facts)


def store_file(file: File, *, workspace_id: int) -> Asset:
    """Keep an uploaded file of any kind as it is, to be handed on; the same content is kept once.

    Raises FileRefused when it is empty or over 20 MB.
    """
    if not 0 < file.size <= MAX_FILE_BYTES:
        raise FileRefused(_("A file may have 1 byte to %(count)d MB.") % {"count": MAX_FILE_BYTES // 2**20})
    digest = _sha256(file)
    known = Asset.objects.of(workspace_id).filter(sha256=digest, content_type__in=IMAGE_TYPES).first()
    kind = known.content_type if known is not None else FILE_TYPE  # a picture that was written anew stays one
    name = (file.name or "file")[-200:]
    facts = {"content_type": kind, "size_bytes": file.size, "file_name": name, "delete_after": None}
    return _kept(file, workspace_id, digest, facts)


def delete_expired(*, now: datetime) -> int:
    """Delete files whose `delete_after` is past and that no row refers to any more, with their rows; returns how many.

    What is still referred to (by a message, an import that has not ended) stays until the next time. Safe to repeat
    and to run twice.
    """
    due = Asset.objects.filter(delete_after__lte=now).order_by("pk").values_list("pk", flat=True)
    return sum(_delete(pk, now) for pk in list(due))


@transaction.atomic
def _delete(pk: int, now: datetime) -> bool:
    """The file goes while its row is locked: who stores the same content meanwhile comes after it, and looks again."""
    asset = Asset.objects.select_for_update().filter(pk=pk, delete_after__lte=now).first()
    if asset is None:
        return False
    try:
        with transaction.atomic():
            asset.delete()
    except ProtectedError:
        return False
    default_storage.delete(asset.path)
    return True


def read_bytes(asset: Asset) -> bytes:
    """The content of a file. Raises `pictures.PictureLost` when it is gone."""
    try:
        with default_storage.open(asset.path) as stored:
            return bytes(stored.read())
    except OSError:
        raise pictures.PictureLost(_("The file is gone.")) from None


def images_of(actor: Actor) -> TenantQuerySet[Asset]:
    """The images kept for the actor's workspace."""
    return Asset.objects.within(actor).filter(content_type__in=IMAGE_TYPES)


def files_of(actor: Actor) -> TenantQuerySet[Asset]:
    """What the actor's workspace kept to be handed on: files and images, never a table of people or orders."""
    return Asset.objects.within(actor).filter(content_type__in=SENDABLE_TYPES)


def page_link(asset: Asset) -> str:
    """The address of an image or a file on this site: whoever has it may fetch it."""
    token = signing.Signer(salt=_LINK_SALT).sign_object([asset.pk, asset.sha256[:16]])
    return reverse("asset", args=[token])


def public_link(asset: Asset) -> str:
    """`page_link` with where this site is, for those who are not on it."""
    return f"{settings.PUBLIC_URL}{page_link(asset)}"


def find_by_link(token: str) -> Asset | None:
    """The image or file of a link that was signed here."""
    try:
        pk, digest = signing.Signer(salt=_LINK_SALT).unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Asset.objects.filter(pk=pk, sha256__startswith=digest, content_type__in=SENDABLE_TYPES).first()


def _store(
    file: File, *, workspace_id: int, allowed: Collection[str], max_bytes: int, delete_after: datetime | None
) -> Asset:
    if not 0 < file.size <= max_bytes:
        raise FileRefused(f"The file must have 1 byte to {max_bytes // 2**20} MB.")
    kind = sniff(file.open("rb").read(4096))
    if kind not in allowed:
        raise FileRefused(_("This is not a CSV or JSON-lines text file."))
    digest = _sha256(file)
    kept = Asset.objects.of(workspace_id).filter(sha256=digest, content_type__in=SENDABLE_TYPES).first()
    if kept is not None:  # somebody hands it on as a file: it stays one, and is not deleted
        return kept
    name = (file.name or "file")[-200:]
    facts = {"content_type": kind, "size_bytes": file.size, "file_name": name, "delete_after": delete_after}
    return _kept(file, workspace_id, digest, facts)


def _kept(file: File, workspace_id: int, digest: str, facts: dict[str, object]) -> Asset:
    """The row of a content, with its file in the storage."""
    path = f"{workspace_id}/{digest[:2]}/{digest}"
    _save(file, path)
    asset = _row(workspace_id, digest, facts | {"path": path})
    _save(file, path)  # `delete_expired` may have taken the former one before the row was there to stop it
    return asset


def _save(file: File, path: str) -> None:
    if not default_storage.exists(path):
        file.seek(0)
        default_storage.save(path, file)


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
