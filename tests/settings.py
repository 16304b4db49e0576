"""Settings of the test run: the product's own, in a folder and with a broker of their own."""

import os
import tempfile

os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="community-ops-tests-"))
os.environ["DATA_DIR"] = os.path.join(os.environ["DATA_DIR"], os.environ.get("PYTEST_XDIST_WORKER", ""))
os.environ.setdefault("ALLOW_LOOPBACK_ENDPOINTS", "1")
os.environ["ENV_FILE"] = os.devnull  # the developer's own settings are not the tests'

from community_ops.settings import *  # noqa: F403

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")  # "gw0", "gw1" … where several run, each with a Redis of its own
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
AXES_ENABLED = False
LOG_LEVEL = "WARNING"
DATABASES["default"].setdefault("TEST", {})  # noqa: F405
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"]["NAME"] = str(DATA_DIR / "test.sqlite3")  # noqa: F405
if WORKER and REDIS_URL:  # noqa: F405
    CACHES["default"]["LOCATION"] = f"{REDIS_URL.rpartition('/')[0]}/{10 + int(WORKER.removeprefix('gw'))}"  # noqa: F405
CACHES["limits"] = LIMITS_IN_MEMORY  # noqa: F405
REST_FRAMEWORK["TEST_REQUEST_DEFAULT_FORMAT"] = "json"  # noqa: F405
REST_FRAMEWORK["TEST_REQUEST_RENDERER_CLASSES"] = [  # noqa: F405
    "rest_framework.renderers.JSONRenderer",
    "rest_framework.renderers.MultiPartRenderer",
]
INSTALLED_APPS += ["tests.shelf"]  # noqa: F405
