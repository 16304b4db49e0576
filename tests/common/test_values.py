"""Money, text, placeholders, secrets, the clock."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection

from community_ops.common import clock, fields, keys, money, placeholders, text
from community_ops.common.errors import InvalidInput
from community_ops.common.logs import mask
from community_ops.common.models import KeyCanary


@pytest.mark.parametrize(
    ("major", "currency", "minor"),
    [
        ("12.50", "GBP", 1250),
        ("399", "CNY", 39900),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("-3.10", "EUR", -310),
    ],
)
def test_money_goes_in_and_comes_out_unchanged(major, currency, minor) -> None:
    assert money.to_minor(major, currency) == minor
    assert Decimal(money.to_major(minor, currency)) == Decimal(major)


@pytest.mark.parametrize(
    ("amount", "currency", "field"),
    [
        ("1.005", "CNY", "amount"),
        ("1.5", "JPY", "amount"),
        ("NaN", "CNY", "amount"),
        ("1e40", "CNY", "amount"),
        ("x", "CNY", "amount"),
        ("1", "XXX", "currency"),
        ("1", "cny", "currency"),
    ],
)
def test_money_is_refused_naming_the_field(amount, currency, field) -> None:
    with pytest.raises(InvalidInput) as caught:
        money.to_minor(amount, currency)
    assert caught.value.field == field


def test_half_is_rounded_up_away_from_zero() -> None:
    assert [money.round_half_up(Decimal(value)) for value in ("0.5", "1.5", "2.49", "-0.5")] == [1, 2, 2, -1]


@pytest.mark.parametrize("bad", ["a\x00b", "a\x1bb", "\u202egnp.exe", "\ud83d", "x" * 101, "   ", "a\nb"])
def test_a_line_is_refused_when_it_is_nasty(bad) -> None:
    with pytest.raises(InvalidInput) as caught:
        text.clean_line(bad, field="name", max_length=100)
    assert caught.value.field == "name"


def test_text_is_normalised_but_never_rewritten() -> None:
    assert text.clean_line("  小林   的 团队 ", field="name", max_length=20) == "小林 的 团队"
    assert text.clean_text(" <b>抢</b> 🎉\r\n第二行 ", field="text", max_length=50) == "<b>抢</b> 🎉\n第二行"
    assert text.clean_line("e\u0301", field="name", max_length=1) == "é"


def test_placeholders_are_filled_and_braces_stay_braces() -> None:
    source = '还剩 {left} 件 {{left}} {"a": 1} { } {Left}'
    assert placeholders.names_in(source) == {"left"}
    assert placeholders.fill(source, {"left": "{sold}"}) == '还剩 {sold} 件 {left} {"a": 1} { } {Left}'


def test_unknown_placeholders_are_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as caught:
        placeholders.refuse_unknown("{left} {invented_buyers}", known={"left"})
    assert caught.value.extra["unknown"] == ["invented_buyers"]


def test_secrets_are_unreadable_in_the_database_and_with_another_key(db, settings) -> None:
    keys.verify()
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM common_keycanary")
        assert "the key fits" not in cursor.fetchone()[0]
    old = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(keys.WrongKey):
        keys.verify()
    settings.FIELD_ENCRYPTION_KEYS = [*settings.FIELD_ENCRYPTION_KEYS, *old]
    keys.verify()
    with pytest.raises(FieldError):
        KeyCanary.objects.filter(value="the key fits").exists()


def test_an_encrypted_value_comes_back_as_it_was() -> None:
    assert json.loads(fields.decrypt(fields.encrypt('{"key": "值"}'))) == {"key": "值"}


def test_what_looks_like_a_secret_is_masked_in_logs() -> None:
    line = mask("POST /cgi-bin/webhook/send?key=693a91f6-7xxx Authorization: Token co_abcdefghijk password=hunter22")
    assert "693a91f6" not in line
    assert "abcdefghijk" not in line
    assert "hunter22" not in line


def test_the_clock_moves_only_where_that_is_allowed(db, settings) -> None:
    with pytest.raises(CommandError):
        call_command("clock", advance="1d")
    settings.ALLOW_CLOCK_SHIFT = True
    call_command("clock", advance="1d2h")
    try:
        assert clock.now() - datetime.now(tz=UTC) > timedelta(days=1, hours=1, minutes=59)
        with pytest.raises(CommandError):
            call_command("clock", advance="tomorrow")
    finally:
        call_command("clock", reset=True)
