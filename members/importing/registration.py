"""The importers of this app."""

from members.importing.events import EventsImporter
from members.importing.people import PeopleImporter
from members.ports import register_importer


def register() -> None:
    """Called once when the apps are ready."""
    register_importer("members", PeopleImporter())
    register_importer("events", EventsImporter())
