from rest_framework.pagination import CursorPagination


class OldestFirst(CursorPagination):
    """`{"next","previous","results"}`, oldest first, `page_size` up to 200."""

    ordering = "id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
