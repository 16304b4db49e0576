"""The database server's own time: for leases, time-outs and signatures, never shifted."""

from datetime import UTC, datetime

from django.db import connection


def now() -> datetime:
    """Aware UTC time as the database knows it, so that all workers share one clock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
            return moment.astimezone(UTC)
    return datetime.now(tz=UTC)  # noqa: TID251 - SQLite runs in this process: its clock is this machine's
