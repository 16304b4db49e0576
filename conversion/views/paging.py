"""Lists newest first, in pages that stay still while rows are added."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
PAGE_SIZE = 50


def page_of(request: HttpRequest, rows: QuerySet[M]) -> tuple[list[M], dict[str, str]]:
    """One page of the rows older than `?cursor=`, newest first, and the context of components/_pager.html."""
    cursor = number(request, "cursor")
    rows = rows.order_by("-id") if cursor is None else rows.order_by("-id").filter(pk__lt=cursor)
    found = list(rows[: PAGE_SIZE + 1])
    shown, pager, query = found[:PAGE_SIZE], {}, request.GET.copy()
    query.pop("cursor", None)
    if cursor is not None:
        pager["previous_url"] = f"?{query.urlencode()}"
    if len(found) > PAGE_SIZE:
        query["cursor"] = str(shown[-1].pk)
        pager["next_url"] = f"?{query.urlencode()}"
    return shown, pager


def number(request: HttpRequest, name: str) -> int | None:
    """A query parameter as an id, None when it is none."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
