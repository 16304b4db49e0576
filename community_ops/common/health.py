"""Health pages for supervisors and load balancers; no personal data, no sign-in."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from community_ops.common import dbtime, pulses
from community_ops.common.models import JobPulse


def live(request: HttpRequest) -> HttpResponse:
    """200 while this web process answers; asks nothing else."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and workers consume; 503 naming what does not."""
    checks = {"database": _database()}
    checks["worker"] = checks["database"] and _worker()
    status = 200 if all(checks.values()) else 503
    return JsonResponse({"status": "ok" if status == 200 else "unavailable", "checks": checks}, status=status)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except DatabaseError:
        return False


def _worker() -> bool:
    pulse = JobPulse.objects.filter(name="worker").first()
    return pulse is not None and not pulses.is_late(pulse, now=dbtime.now())
