"""Makes the data ready before `bin/run` starts anything: `_prepare.py --demo|--empty`.

Runs the migrations, the cache table and `prepare_workspace` in one process, because starting
Python once instead of three times is most of a warm start. Prints one JSON line: what bin/run
needs to know, or `{"error": "…"}` with the one line that a person reads; the traceback goes to
stderr, which is logs/prepare.log.
"""

import gc
import io
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import django
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import Error as DatabaseError
from django.db import connection
from django.http.request import validate_host

ROOT = Path(__file__).resolve().parent.parent
REDIS_SECONDS = 3.0
# A first start makes and drops ten thousand model classes on the way through the migrations; looking through all that
# is loaded again and again was a third of its time. For about 40 MB more while it runs.
COLLECT_SELDOM = (50_000, 5, 5)


class Refused(Exception):
    """The text is the one line that a person reads."""


def main(flag: str) -> int:
    """Do everything and print the answer; 0 when the data is ready."""
    answer_to, sys.stdout = sys.stdout, sys.stderr  # a stray print must not spoil the answer
    try:
        answer = prepare(flag)
    except Exception as error:  # the boundary: the story goes to the log, one line to the person
        traceback.print_exc()
        answer = {"error": one_line(error)}
    answer_to.write(json.dumps(answer) + "\n")
    answer_to.flush()
    return 1 if "error" in answer else 0


def prepare(flag: str) -> dict[str, Any]:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")
    gc.set_threshold(*COLLECT_SELDOM)
    django.setup()
    gc.freeze()
    reach_redis()
    reach_database()
    call_command("check", databases=["default"], verbosity=0)
    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    if not settings.REDIS_URL:
        call_command("createcachetable", verbosity=0)
    printed = io.StringIO()
    call_command("prepare_workspace", flag, stdout=printed)
    login: dict[str, Any] = json.loads(printed.getvalue().splitlines()[-1])
    return login | {"database": connection.vendor, "redis": bool(settings.REDIS_URL), "host": host_for_checks()}


def reach_database() -> None:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise Refused(f"The database cannot be reached: {first_line(error)}") from error


def reach_redis() -> None:
    if not settings.REDIS_URL:
        return
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=REDIS_SECONDS) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise Refused(f"Redis (REDIS_URL) cannot be reached: {first_line(error)}") from error


def host_for_checks() -> str:
    """The Host header with which this machine may ask for /health/live."""
    allowed: list[str] = settings.ALLOWED_HOSTS
    return "127.0.0.1" if not allowed or validate_host("127.0.0.1", allowed) else allowed[0].lstrip(".")


def one_line(error: Exception) -> str:
    if isinstance(error, SystemCheckError):
        return "System check: " + " ".join(str(error).split("\n", maxsplit=2)[-1].split())
    if isinstance(error, Refused | CommandError | ImproperlyConfigured):
        return first_line(error)
    return f"Preparing the data failed: {type(error).__name__}: {first_line(error)}"


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
