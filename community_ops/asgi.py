"""ASGI entry point, for servers that want one; the supported way is WSGI (docs/operations.md)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")
application = get_asgi_application()
