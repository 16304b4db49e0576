"""All settings, read from the environment (every variable is in .env.example).

Safe by default: without any variable this is a one-machine installation on SQLite that only
answers on localhost. `DATABASE_URL` and `REDIS_URL`, independently, make it a production one.
"""

import sys
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from community_ops.common import secrets_file

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
ENV_FILE = Path(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))
if ENV_FILE.is_file():
    env.read_env(str(ENV_FILE))

# --- where things are kept -------------------------------------------------------------------
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
try:
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    SECRET_KEY = env.str("SECRET_KEY", default="") or secrets_file.load_or_make(
        DATA_DIR / "secret.key", secrets_file.make_secret_key
    )
    FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[]) or [
        secrets_file.load_or_make(DATA_DIR / "field.key", secrets_file.make_field_key)
    ]
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR {DATA_DIR} cannot be written: {error.strerror}") from error
except UnicodeDecodeError as error:
    raise ImproperlyConfigured(f"{DATA_DIR}: secret.key or field.key is damaged: restore it from a backup.") from error
if not all(map(secrets_file.is_field_key, FIELD_ENCRYPTION_KEYS)):
    raise ImproperlyConfigured(
        "An encryption key is damaged: restore field.key in DATA_DIR, or FIELD_ENCRYPTION_KEYS, from a backup."
    )

# --- switches --------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
ALLOW_LOOPBACK_ENDPOINTS = env.bool("ALLOW_LOOPBACK_ENDPOINTS", default=False)
WECOM_HOSTS = env.list("WECOM_HOSTS", default=[])  # of a WeCom of one's own (私有化部署), besides the public one
ALLOW_CLOCK_SHIFT = env.bool("ALLOW_CLOCK_SHIFT", default=False)

# --- addresses -------------------------------------------------------------------------------
# Without PUBLIC_URL it is where `bin/run` listened last, so that commands beside it print links that work.
_LAST_ADDRESS = DATA_DIR / "address"
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/") or (
    _LAST_ADDRESS.read_text().strip() if _LAST_ADDRESS.exists() else "http://127.0.0.1:8000"
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"

# --- the house -------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "heroicons",
    "rest_framework",
    "community_ops.common",
    "community_ops.accounts",
    "messaging",
    "groups",
    "members",
    "campaigns",
    "conversion",
    "retention",
    "culture",
    "dashboard",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "community_ops.common.middleware.RequestIdMiddleware",
    "community_ops.common.middleware.ServiceUnavailableMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "community_ops.common.middleware.ApiSlashMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "community_ops.common.middleware.BorrowedPagesPolicyMiddleware",
    "community_ops.common.middleware.AdminTimeMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "community_ops.urls"
WSGI_APPLICATION = "community_ops.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context_processors.frame",
            ],
            "builtins": ["django.templatetags.i18n", "community_ops.common.templatetags.interface"],
        },
    }
]

# --- database --------------------------------------------------------------------------------
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;",
}
DATABASES: dict[str, Any] = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if "ENGINE" not in DATABASES["default"]:
    raise ImproperlyConfigured("DATABASE_URL is not a database address: postgres://user:password@host:5432/name")
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE_SECONDS", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
else:
    DATABASES["default"].setdefault("OPTIONS", {})["connect_timeout"] = 5

# --- Redis: broker and cache; without it a folder and a database table ----------------------
REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL:
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "community_ops",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        }
    }
    CELERY_BROKER_URL = REDIS_URL
    # The visibility time-out is three times the hard limit below; reliability.md section 1.
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "visibility_timeout": 360,
        "unacked_restore_interval": 1,
        "socket_connect_timeout": 0.5,
        "socket_timeout": 5,
        "global_keyprefix": env.str("BROKER_KEY_PREFIX", default="community_ops:"),
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "common_cache"}}
    BROKER_DIR = DATA_DIR / "broker"
    CELERY_BROKER_URL = "filesystem://localhost"  # the name means nothing; without one kombu warns
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,
    }
    for folder in ("queue", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)

# Requests of one minute (community_ops.common.throttle). Without Redis each web process counts for itself: a row
# written for each request would cost more than what it protects.
LIMITS_IN_MEMORY: dict[str, Any] = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "LOCATION": "limits",
    "OPTIONS": {"MAX_ENTRIES": 50_000},
}
CACHES["limits"] = CACHES["default"] | {"KEY_PREFIX": "community_ops:limits"} if REDIS_URL else LIMITS_IN_MEMORY
# How often a minute; 0 is without limit. docs/adr/0015-limits-of-requests.md
LINK_LIMIT_PER_MINUTE = env.int("LINK_LIMIT_PER_MINUTE", default=120)
PASTE_LIMIT_PER_MINUTE = env.int("PASTE_LIMIT_PER_MINUTE", default=30)
HOOK_LIMIT_PER_MINUTE = env.int("HOOK_LIMIT_PER_MINUTE", default=3000)
UNKNOWN_CODE_LIMIT_PER_MINUTE = env.int("UNKNOWN_CODE_LIMIT_PER_MINUTE", default=300)
API_THROTTLE_PER_MINUTE = env.int("API_THROTTLE_PER_MINUTE", default=6000)  # of a token: one may sell to a whole town

# --- Celery ----------------------------------------------------------------------------------
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 90  # seconds
CELERY_TASK_TIME_LIMIT = 120  # seconds
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "default"
# `default` is for what is done in a moment, watchdogs among it: what waits on other people's servers, and a task with a
# longer time limit of its own, belongs into another queue with a worker of its own (bin/_run.py), or two of them would
# hold up the finding of stuck sends.
CELERY_TASK_ROUTES = {
    "messaging.tasks.deliver_due": {"queue": "delivery"},
    "messaging.tasks.call_webhooks": {"queue": "delivery"},
    "messaging.tasks.poll_chats": {"queue": "delivery"},
    "members.tasks.run_imports": {"queue": "imports"},
}
CELERY_TIMEZONE = "UTC"
# Each tick looks for due rows; `expires` keeps a stopped worker from finding a pile of them.
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "drain-outbox": {"task": "common.tasks.drain_outbox", "schedule": 1.0, "options": {"expires": 5}},
    "deliver": {"task": "messaging.tasks.deliver_due", "schedule": 1.0, "options": {"expires": 3}},
    "reap-stuck-sends": {"task": "messaging.tasks.reap_stuck", "schedule": 5.0, "options": {"expires": 10}},
    "tidy-limits": {"task": "messaging.tasks.tidy_limits", "schedule": 10.0, "options": {"expires": 20}},
    "tell-assignees": {"task": "messaging.tasks.tell_assignees", "schedule": 2.0, "options": {"expires": 5}},
    "review-waiting": {"task": "messaging.tasks.review_waiting", "schedule": 60.0, "options": {"expires": 60}},
    "call-webhooks": {"task": "messaging.tasks.call_webhooks", "schedule": 1.0, "options": {"expires": 3}},
    "tidy-webhooks": {"task": "messaging.tasks.tidy_webhooks", "schedule": 3600.0, "options": {"expires": 600}},
    "read-inbound": {"task": "messaging.tasks.read_inbound", "schedule": 1.0, "options": {"expires": 3}},
    "poll-chats": {"task": "messaging.tasks.poll_chats", "schedule": 5.0, "options": {"expires": 10}},
    "tidy-inbound": {"task": "messaging.tasks.tidy_inbound", "schedule": 3600.0, "options": {"expires": 600}},
    "plan-announcements": {"task": "campaigns.tasks.plan_due", "schedule": 5.0, "options": {"expires": 10}},
    "expire-orders": {"task": "conversion.tasks.expire_due_orders", "schedule": 1.0, "options": {"expires": 3}},
    "sale-moments": {"task": "conversion.tasks.watch_sales", "schedule": 1.0, "options": {"expires": 3}},
    "run-imports": {"task": "members.tasks.run_imports", "schedule": 5.0, "options": {"expires": 10}},
    "forget-files": {"task": "members.tasks.forget_files", "schedule": 3600.0, "options": {"expires": 600}},
    "worker-heartbeat": {"task": "common.tasks.beat_heart", "schedule": 5.0, "options": {"expires": 10}},
    "tidy": {"task": "common.tasks.tidy", "schedule": 3600.0, "options": {"expires": 600}},
}

# --- people ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("accounts:sign_in")
LOGIN_REDIRECT_URL = reverse_lazy("home")
LOGOUT_REDIRECT_URL = LOGIN_URL
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "accounts/locked_out.html"

# --- language and time -----------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_COMMUNITY_TIMEZONE = env.str("DEFAULT_COMMUNITY_TIMEZONE", default="Asia/Shanghai")

# --- static files: served from the wheels and our own folder, no build step -------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "community_ops" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 300
MEDIA_ROOT = DATA_DIR / "assets"

# --- content security: nothing from other hosts, no inline script ----------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# --- REST ------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["community_ops.accounts.authentication.ApiTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["community_ops.accounts.permissions.RoleAllowsAction"],
    "DEFAULT_THROTTLE_CLASSES": ["community_ops.common.api.throttling.PerToken"],
    "DEFAULT_RENDERER_CLASSES": ["community_ops.common.api.renderers.CarefulJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["community_ops.common.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "community_ops.common.api.pagination.OldestFirst",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "community_ops.common.api.errors.handle",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNICODE_JSON": True,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Community Ops",
    "DESCRIPTION": "Everything the dashboard does, for other tools. See docs/api.md.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 48 * 1024 * 1024  # bytes: 1,000 events of 10,000 four-byte signs, and some
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

# --- admin -----------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": _("Community Ops"),
    "SITE_HEADER": _("Community Ops"),
    "SITE_SUBHEADER": DEFAULT_COMMUNITY_TIMEZONE,  # the zone of every time shown there
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("community_ops/mark.svg")},
    ],
    "SHOW_HISTORY": False,
    "COLORS": {  # the accent of the dashboard
        "primary": {
            "50": "#f2f6fe", "100": "#e8effc", "200": "#cfdef9", "300": "#a8c3f3", "400": "#7198e6", "500": "#4673d8",
            "600": "#2456c8", "700": "#1c469f", "800": "#1a3c83", "900": "#19346b", "950": "#112247",
        }
    },
}  # fmt: skip

# --- logs: one line a record on stderr -------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask": {"()": "community_ops.common.logs.MaskSecrets"}},
    "formatters": {"line": {"()": "community_ops.common.logs.LineFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line", "filters": ["mask"]}
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "django": {"handlers": []},  # none of its own beside ours, which masks
        "django.server": {"handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},  # a refusal (4xx) is an answer, not a fault
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
