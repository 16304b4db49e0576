"""System checks: a half-configured installation is told what to set."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning


@register()
def check_addresses(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """PUBLIC_URL makes every link that members get."""
    if not settings.PUBLIC_URL.startswith(("http://", "https://")):
        return [Error("PUBLIC_URL must begin with http:// or https://", id="community_ops.E001")]
    return []


@register(deploy=True)
def check_switches(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Development switches have no place behind a public address."""
    switches = ("DEBUG", "ALLOW_LOOPBACK_ENDPOINTS", "ALLOW_CLOCK_SHIFT")
    return [
        CheckWarning(f"{name} is on", hint=f"unset {name}", id="community_ops.W001")
        for name in switches
        if getattr(settings, name)
    ]
