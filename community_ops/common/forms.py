"""Form fields that know the product's rules."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from community_ops.common.errors import DomainError

MAX_ID_DIGITS = 18  # fits 63 bits on every database


class RefusableForm(forms.Form):
    """A form that shows a refusal of the domain at the field it is about, else above the fields."""

    def refuse(self, refusal: DomainError) -> None:
        """`extra.key` names the field where the refusal's own is a group of them (a channel's `config`)."""
        field = str(refusal.extra.get("key", refusal.field))
        self.add_error(field if field in self.fields else None, str(refusal.extra.get("reason", refusal.message)))


class ObjectsField(forms.ModelMultipleChoiceField):
    """Several objects by id; an id that no row can have is simply not among the choices."""

    def clean(self, value: Any) -> Any:
        for raw in value if isinstance(value, list | tuple) else ():
            if not (str(raw).isascii() and str(raw).isdecimal() and len(str(raw)) <= MAX_ID_DIGITS):
                raise ValidationError(
                    self.error_messages["invalid_choice"], code="invalid_choice", params={"value": str(raw)[:20]}
                )
        return super().clean(value)
