"""Lists: oldest first, in pages."""

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from community_ops.common.tenancy import MAX_ID


class OldestFirst(CursorPagination):
    """`{"next","previous","results"}`, oldest first, `page_size` up to 200 (more is 200)."""

    ordering = "id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get("page_size", str(self.page_size))
        if not (asked.isascii() and asked.isdecimal() and 0 < len(asked) < 10 and int(asked) > 0):
            raise ValidationError({"page_size": [_("Give a number from 1 to 200.")]})
        return min(int(asked), self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not _is_id(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor


def _is_id(position: str) -> bool:
    return position.isascii() and position.isdecimal() and int(position[:20]) <= MAX_ID
