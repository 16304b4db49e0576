"""Health pages for supervisors and load balancers; no personal data, no sign-in."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from community_ops.common import dbtime, pulses


def live(request: HttpRequest) -> HttpResponse:
    """200 while this web process answers; asks nothing else."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, workers consume and messages are sent in time; 503 naming what does not.

    A fresh start is ready when each needed job has ended well for the first time, within half a minute.
    """
    is_there = _database()
    jobs = pulses.in_time(now=dbtime.now()) if is_there else dict.fromkeys(pulses.needed(), False)
    checks = {"database": is_there} | jobs
    status = 200 if all(checks.values()) else 503
    return JsonResponse({"status": "ok" if status == 200 else "unavailable", "checks": checks}, status=status)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except DatabaseError:
        return False
