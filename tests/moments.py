"""Moments the tests are told at."""

from datetime import UTC, datetime

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # a Saturday; 20:00 in Shanghai
