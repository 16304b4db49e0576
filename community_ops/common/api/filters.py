"""List filters that know the product's rules: an unknown or foreign id is 400 naming the field."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from community_ops.common.actors import Actor

Visible = Callable[[Actor], QuerySet[Any]]


@extend_schema_field(OpenApiTypes.INT)
class VisibleFilter(filters.ModelChoiceFilter):  # type: ignore[misc]  # django-filter is untyped
    """Narrow a list to one object of the caller's workspace by id; unknown and foreign ids are refused alike.

    `visible` takes who asks and gives what she may see. The column may be a foreign key, or an id that no
    foreign key guards: `VisibleFilter(groups_visible_to, field_name="target_id", also={"target_kind": "group"})`.
    """

    def __init__(self, visible: Visible, *, also: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self._also = also or {}
        kwargs.setdefault("error_messages", {"invalid_choice": _("There is no such object.")})
        super().__init__(queryset=lambda request: visible(request.auth), **kwargs)

    def filter(self, qs: QuerySet[Any], value: Model | None) -> QuerySet[Any]:
        return qs if value is None else qs.filter(**{self.field_name: value.pk}, **self._also)
