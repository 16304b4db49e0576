"""A sandbox room needs no settings."""

from messaging.platforms.settings_reading import Setting

SETTINGS: tuple[Setting, ...] = ()
