"""Pages of a list, newest first, by the id of the last row seen: as fast on the last page as on the first."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

PAGE_SIZE = 50
M = TypeVar("M", bound=Model)


def newest_first(rows: QuerySet[M], query: QueryDict, *, size: int = PAGE_SIZE) -> tuple[list[M], dict[str, str]]:
    """One page of `rows` older than `?cursor=`, and the context of components/_pager.html; links keep the filters."""
    cursor = id_in(query, "cursor")
    rows = rows.order_by("-id") if cursor is None else rows.order_by("-id").filter(pk__lt=cursor)
    found = list(rows[: size + 1])
    shown, pager, links = found[:size], {}, query.copy()
    links.pop("cursor", None)
    if cursor is not None:
        pager["previous_url"] = f"?{links.urlencode()}"
    if len(found) > size:
        links["cursor"] = str(shown[-1].pk)
        pager["next_url"] = f"?{links.urlencode()}"
    return shown, pager


def id_in(query: QueryDict, name: str) -> int | None:
    """An id in the address, or None when there is none that could be one."""
    value = query.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
