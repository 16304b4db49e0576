"""Changes of members, by topic. Import the functions from here."""

from members.services.editing import add_phone, remove_phone, rename_member
from members.services.facts import ActivityFacts, Milestone, record_milestone, record_milestones, set_activity_facts
from members.services.identities import ensure_members
from members.services.imports import (
    cancel_import,
    change_options,
    confirm_import,
    forget_files,
    prepare_import,
    preview_import,
    retry_import,
    work_on_imports,
)
from members.services.ingestion import Outcome, Rejected, ingest_events
from members.services.passes import issue_pass, note_pass_use, revoke_pass
from members.services.registration import Registration, register_by_phone
from members.services.roster import add_membership, create_member, leave, size_warnings

__all__ = [
    "ActivityFacts",
    "Milestone",
    "Outcome",
    "Registration",
    "Rejected",
    "add_membership",
    "add_phone",
    "cancel_import",
    "change_options",
    "confirm_import",
    "create_member",
    "ensure_members",
    "forget_files",
    "ingest_events",
    "issue_pass",
    "leave",
    "note_pass_use",
    "prepare_import",
    "preview_import",
    "record_milestone",
    "record_milestones",
    "register_by_phone",
    "remove_phone",
    "rename_member",
    "retry_import",
    "revoke_pass",
    "set_activity_facts",
    "size_warnings",
    "work_on_imports",
]
