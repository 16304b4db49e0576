"""A person needs no settings: her channel is made with her (`services.create_assignee`)."""

from messaging.platforms.settings_reading import Setting

SETTINGS: tuple[Setting, ...] = ()
