"""The admin speaks Chinese: every table and every column of a list has its word."""

import pytest
from django.contrib import admin
from django.utils.translation import override

from dashboard import admin_words
from tests.test_architecture import FLOORS

OURS = [(model, its) for model, its in admin.site._registry.items() if model._meta.app_label in FLOORS]


@pytest.mark.parametrize(("model", "its"), OURS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_table_and_every_listed_column_has_a_chinese_word(model, its) -> None:
    assert model._meta.label_lower in admin_words.TABLES
    columns = {field.name for field in model._meta.local_fields}
    with override("zh-hans"):
        assert not str(model._meta.verbose_name_plural).isascii() or "API" in str(model._meta.verbose_name_plural)
        for name in (set(its.list_display) - {"id"}) & columns:
            assert not str(model._meta.get_field(name).verbose_name).isascii(), f"{model.__name__}.{name}"


@pytest.mark.django_db
def test_a_moderator_opens_every_table(owner, signed_in) -> None:
    client = signed_in(owner)
    for model, _its in OURS:
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert client.get(url).status_code == 200, url


def test_every_choice_has_a_chinese_word() -> None:
    fields = [field for model, _its in OURS for field in model._meta.local_fields if field.choices]
    with override("zh-hans"):
        english = {
            f"{field.model.__name__}.{field.name}: {label}"
            for field in fields
            for _value, label in field.choices
            if str(label).isascii()
        }
    assert english == set()
