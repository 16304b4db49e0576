"""The house's rules that import-linter cannot say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey, Model

from community_ops.common.tenancy import TENANT_MODEL, TenantModel

ROOT = Path(__file__).resolve().parent.parent
FLOORS = [
    "common",
    "accounts",
    "messaging",
    "groups",
    "members",
    "campaigns",
    "conversion",
    "retention",
    "culture",
    "dashboard",
]
DOORS = {"services", "selectors", "events", "errors", "ports"}
# Of the lower floors every module may be used: they are the ground the rooms stand on.
GROUND = {"community_ops"}
ROOMS = set(FLOORS) - {"common", "accounts"}
OUR_TABLES = [model for model in apps.get_models() if model._meta.app_label in FLOORS]
KERNEL_WITHOUT_TENANT = {
    "clockshift",
    "jobpulse",
    "keycanary",
    "eventreceipt",
    "idempotencyrecord",
    "outboxevent",
    "auditentry",
}
ACROSS_WORKSPACES = {"identity_held_by_one"}  # on purpose: a platform counts what two teams send together (ADR-0016)
FREE = {"accounts.user", "accounts.workspace"} | {f"common.{name}" for name in KERNEL_WITHOUT_TENANT}


def source_files() -> Iterator[Path]:
    for room in ["community_ops", *sorted(ROOMS)]:
        yield from (path for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts)


def imports_of(path: Path) -> Iterator[tuple[ast.ImportFrom | ast.Import, str, bool]]:
    """(node, module, whether only for type checking)"""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                yield node, f"{node.module}.{name.name}", id(node) in typing_only
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield node, name.name, id(node) in typing_only


def test_of_another_room_only_its_doors_are_imported() -> None:
    wrong = []
    for path in source_files():
        own = path.relative_to(ROOT).parts[0]
        for _, module, typing_only in imports_of(path):
            room, _, rest = module.partition(".")
            if room in ROOMS and room != own and not typing_only and not _is_door(rest):
                wrong.append(f"{path.relative_to(ROOT)}: {module}")
    allowed = ("community_ops/urls.py", "community_ops/api_urls.py", "dashboard/")
    assert [line for line in wrong if not line.startswith(allowed)] == []


def _is_door(rest: str) -> bool:
    return bool(rest) and rest.split(".", maxsplit=1)[0] in DOORS | {"importing", "passes"}


def test_nothing_is_imported_inside_a_function() -> None:
    wrong = []
    for path in source_files():
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                inner = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
                wrong += [f"{path.relative_to(ROOT)}:{node.lineno}" for node in inner]
    assert wrong == []


@pytest.mark.parametrize("model", OUR_TABLES, ids=lambda model: model._meta.label)
def test_foreign_keys_point_down(model: type[Model]) -> None:
    floor = FLOORS.index(model._meta.app_label)
    for field in model._meta.get_fields():
        if isinstance(field, ForeignKey) and field.related_model._meta.app_label in FLOORS:
            target = field.related_model._meta
            if f"{target.app_label}.{target.object_name}" != TENANT_MODEL:
                assert FLOORS.index(target.app_label) <= floor, f"{model._meta.label}.{field.name} points up"


@pytest.mark.parametrize("model", OUR_TABLES, ids=lambda model: model._meta.label)
def test_every_table_belongs_to_a_workspace(model: type[Model]) -> None:
    assert issubclass(model, TenantModel) or model._meta.label_lower in FREE


@pytest.mark.parametrize("model", OUR_TABLES, ids=lambda model: model._meta.label)
def test_unique_constraints_begin_with_the_workspace(model: type[Model]) -> None:
    """Or with a key that itself belongs to one workspace."""
    for constraint in model._meta.constraints:
        if hasattr(constraint, "fields") and issubclass(model, TenantModel):
            if constraint.name in ACROSS_WORKSPACES:
                continue
            first = model._meta.get_field(constraint.fields[0])
            owned = first.is_relation and issubclass(first.related_model, TenantModel)
            assert first.name == "workspace" or owned, f"{constraint.name} leaks between workspaces"


@pytest.mark.parametrize("model", OUR_TABLES, ids=lambda model: model._meta.label)
def test_status_fields_are_held_by_the_database(model: type[Model]) -> None:
    """Every TextChoices column has a check constraint that knows its values."""
    checked = " ".join(str(constraint.deconstruct()) for constraint in model._meta.constraints)
    for field in model._meta.local_concrete_fields:
        if field.choices and field.name in {"state", "status", "role", "kind", "anchor", "outcome", "source"}:
            assert f"'{field.name}__in'" in checked, f"{model._meta.label}.{field.name} has no check constraint"


def test_only_services_and_their_helpers_write_through_transactions() -> None:
    """Views, viewsets, admin and tasks never open a transaction: that is the services' business."""
    faces = re.compile(r"/(views|admin|tasks|forms)(/|\.py)|/api/(?!idempotency)")
    wrong = [
        str(path.relative_to(ROOT))
        for path in source_files()
        if faces.search(f"/{path.relative_to(ROOT)}") and re.search(r"\batomic\b", path.read_text())
    ]
    assert wrong == []


def test_no_template_has_inline_script_or_style() -> None:
    bad = re.compile(r"<script(?![^>]*\b(src=|type=\"application/json\"))|<style|\son[a-z]+=|\sstyle=", re.IGNORECASE)
    wrong = [
        str(path.relative_to(ROOT)) for path in (ROOT / "templates").rglob("*.html") if bad.search(path.read_text())
    ]
    assert wrong == []
