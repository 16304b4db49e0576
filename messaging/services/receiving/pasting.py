"""What people bring in by hand: a text they copied in a group, and words said in the sandbox room."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput
from community_ops.common.nudge import nudge
from messaging.inbound_models import InboundRoute, InboundWay, RawEvent
from messaging.inbound_policies import MAX_PASTED, PASTED, READ_TASK
from messaging.models import Endpoint, SandboxPost
from messaging.pasted_text import MOST, Pasted
from messaging.platforms.inbound import MAX_NAME, Said, name_of
from messaging.platforms.inbound import words as words_of


def paste(
    *,
    workspace_id: int,
    kind: str,
    target_kind: str,
    target_id: int,
    author: str,
    words: str,
    pasted_by: str,
    day: str,
    now: datetime,
) -> bool:
    """Take in a text that a person copied in a group; False when the same was pasted there today already.

    `kind`: one of `inbound_policies.PASTED`; `author`: her name as the group shows it; `day`: today where the group
    is. The same words of the same person by two colleagues count once. Raises InvalidInput naming `kind`, `author`
    or `words`. The caller has seen to it that the target is theirs.
    """
    if kind not in PASTED:
        raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(PASTED)}, field="kind")
    author, words = _named(author), _worded(words)
    key = json.dumps([kind, target_kind, target_id, author, " ".join(words.split()), day], ensure_ascii=False)
    content = _said(Said.MESSAGE, author, words, now) | {
        "pasted": kind,
        "pasted_by": pasted_by[:MAX_NAME],
        "target_kind": target_kind,
        "target_id": target_id,
    }
    identity = f"paste:{hashlib.sha256(key.encode()).hexdigest()}"
    return _store(None, InboundWay.PASTE, identity, content, now=now, workspace_id=workspace_id)


@transaction.atomic
def paste_all(*, messages: Sequence[Pasted], **facts: Any) -> int:
    """`paste` for each message of one text, all or none; returns how many were new.

    `facts`: what `paste` takes besides `author` and `words`. Raises what it raises, and InvalidInput naming `words`
    for more than `pasted_text.MOST`.
    """
    if len(messages) > MOST:
        raise InvalidInput(_("At most %(count)d messages at once.") % {"count": MOST}, field="words")
    return sum(paste(author=one.author, words=one.words, **facts) for one in messages)


@transaction.atomic
def say_in_room(*, room: Endpoint, author: str, words: str, now: datetime) -> SandboxPost:
    """Write in a sandbox room as one of its members: it stands there, and is heard as a platform would tell it.

    Each call is another message. Raises InvalidInput naming `author` or `words`.
    """
    author, words = _named(author), _worded(words)
    post = SandboxPost.objects.create(workspace_id=room.workspace_id, endpoint=room, author=author, text=words, at=now)
    _store(room, InboundWay.ROOM, f"room:{post.pk}", _said(Said.MESSAGE, author, words, now), now=now)
    return post


@transaction.atomic
def move_in_room(*, room: Endpoint, author: str, is_joining: bool, now: datetime) -> None:
    """Come into a sandbox room or leave it, as a member: heard as a platform would tell it.

    Each call is another event. Raises InvalidInput naming `author`.
    """
    author = _named(author)
    kind = Said.JOIN if is_joining else Said.LEAVE
    identity = f"room:{kind}:{uuid.uuid4().hex}"
    _store(room, InboundWay.ROOM, identity, _said(kind, author, "", now), now=now)


def _named(author: str) -> str:
    """Her name as it can be kept: signs nobody sees go."""
    if len(author) > MAX_NAME:
        raise InvalidInput(_("At most %(count)d characters.") % {"count": MAX_NAME}, field="author")
    if not (name := name_of(author)):
        raise InvalidInput(_("This must not be empty."), field="author")
    return name


def _worded(text: str) -> str:
    if len(text) > MAX_PASTED:
        raise InvalidInput(_("At most %(count)d characters.") % {"count": MAX_PASTED}, field="words")
    if not (kept := words_of(text, limit=MAX_PASTED)):
        raise InvalidInput(_("This must not be empty."), field="words")
    return kept


def _said(kind: Said, author: str, words: str, now: datetime) -> dict[str, Any]:
    """What signed events look like: docs/inbound.md."""
    who = {"author": author, "author_name": author}
    return {"kind": kind.value, "occurred_at": now.isoformat(), "text": words, **who}


@transaction.atomic
def _store(
    room: Endpoint | None,
    way: InboundWay,
    identity: str,
    content: dict[str, Any],
    *,
    now: datetime,
    workspace_id: int = 0,
) -> bool:
    body = json.dumps(content, ensure_ascii=False)
    _row, is_new = RawEvent.objects.get_or_create(
        workspace_id=room.workspace_id if room is not None else workspace_id,
        connection=room.connection if room is not None else None,
        external_id=identity,
        defaults={
            "way": way,
            "body": body,
            "body_digest": hashlib.sha256(body.encode()).hexdigest(),
            "received_at": now,
            "next_try_at": now,
        },
    )
    if is_new:
        if room is not None:
            InboundRoute.objects.filter(connection=room.connection).update(last_event_at=now, updated_at=now)
        nudge(READ_TASK)
    return is_new
