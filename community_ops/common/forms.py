"""Form fields that know the product's rules."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

MAX_ID_DIGITS = 18  # fits 63 bits on every database


class ObjectsField(forms.ModelMultipleChoiceField):
    """Several objects by id; an id that no row can have is simply not among the choices."""

    def clean(self, value: Any) -> Any:
        for raw in value if isinstance(value, list | tuple) else ():
            if not (str(raw).isascii() and str(raw).isdecimal() and len(str(raw)) <= MAX_ID_DIGITS):
                raise ValidationError(
                    self.error_messages["invalid_choice"], code="invalid_choice", params={"value": str(raw)[:20]}
                )
        return super().clean(value)
