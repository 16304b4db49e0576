"""Serializer fields that know the product's rules."""

import zoneinfo
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from community_ops.common import text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput

Visible = Callable[[Actor], QuerySet[Any]]


@extend_schema_field(OpenApiTypes.INT)
class VisibleRelatedField(serializers.PrimaryKeyRelatedField):
    """An object of the caller's workspace by id; unknown and foreign ids are refused alike."""

    default_error_messages = {"does_not_exist": _("There is no such object.")}

    def __init__(self, visible: Visible, **kwargs: Any) -> None:
        self._visible = visible
        if not kwargs.get("read_only"):
            kwargs["queryset"] = _Later()
        super().__init__(**kwargs)

    def get_queryset(self) -> Any:
        return self._visible(self.context["actor"])

    def to_internal_value(self, data: Any) -> Model:
        if isinstance(data, bool) or not isinstance(data, int) or not 0 < data < 2**63:
            self.fail("does_not_exist")
        found: Model = super().to_internal_value(data)
        return found


class _Later:
    """Stands in for a query set that depends on who asks."""

    def all(self) -> "_Later":
        return self


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentField(serializers.Field):
    """ISO 8601 with an offset, both ways; anything else is refused."""

    default_error_messages = {"invalid": _("Give an ISO 8601 time with an offset, e.g. 2026-11-22T20:00:00+08:00.")}

    def to_internal_value(self, data: Any) -> datetime:
        try:
            moment = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 2200:
            self.fail("invalid")
        return moment

    def to_representation(self, value: datetime) -> str:
        return value.isoformat().replace("+00:00", "Z")


class StrictIntegerField(serializers.IntegerField):
    """A JSON number without a fraction; a string or a boolean is none."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.STR)
class LineField(serializers.CharField):
    """One line of text by the rules of `common.text`; a number or a boolean is no text."""

    def __init__(self, **kwargs: Any) -> None:
        self._max = kwargs["max_length"]
        super().__init__(**kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            data = _cleaned(text.clean_line, data, self.field_name, self._max, required=not self.allow_blank)
        elif data is not None and data is not serializers.empty:
            self.fail("invalid")
        return super().run_validation(data)


class ProseField(LineField):
    """Several lines of text by the rules of `common.text`."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            data = _cleaned(text.clean_text, data, self.field_name, self._max, required=not self.allow_blank)
        elif data is not None and data is not serializers.empty:
            self.fail("invalid")
        return serializers.CharField.run_validation(self, data)


def _cleaned(clean: Callable[..., str], data: str, field: str | None, max_length: int, *, required: bool) -> str:
    try:
        return clean(data, field=field or "", max_length=max_length, required=required)
    except InvalidInput as refusal:
        raise serializers.ValidationError(refusal.message) from None


class AmountField(serializers.DecimalField):
    """A decimal string in major units ("12.50"); the currency decides how many decimals are allowed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=18, decimal_places=3, **kwargs)

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, str) else super().to_representation(value)

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TimezoneField(serializers.CharField):
    """An IANA time zone name."""

    default_error_messages = {"unknown": _("Unknown time zone; give a name like Asia/Shanghai.")}

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in zoneinfo.available_timezones():
            self.fail("unknown")
        return name
