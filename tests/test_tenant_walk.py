"""Every address of the house, walked by the owner of another workspace: 404 and an unchanged database."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter

from tests.factories.world import ids_in, make_world
from tests.test_architecture import FLOORS

# Moves with every request or tick; not a change of anybody's data.
RESTLESS = {"accounts.apitoken", "common.jobpulse"}
# Arguments that are words.
WORDS = {"action": "cancel", "platform": "sandbox", "kind": "members"}


def routes(patterns=None, prefix="") -> Iterator[tuple[str, URLPattern]]:
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        else:
            yield route, entry


def pages() -> list[tuple[str, URLPattern]]:
    return [(route, entry) for route, entry in routes() if route.startswith("w/")]


def api_details() -> list[str]:
    found = {route for route, _ in routes() if route.startswith("api/v1/") and "pk" in route}
    return sorted(found)


def snapshot() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as the database has it, with all its columns; one query for each table."""
    tables = [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in FLOORS]
    return {model._meta.label_lower: rows_of(model) for model in tables if model._meta.label_lower not in RESTLESS}


def rows_of(model: type[Model]) -> list[tuple[Any, ...]]:
    """Past the fields, which would decrypt and read what need only be compared."""
    name, key = (connection.ops.quote_name(one) for one in (model._meta.db_table, model._meta.pk.column))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {name} ORDER BY {key}")
        return list(cursor.fetchall())


@pytest.fixture
def world(workspace, owner):
    return make_world(workspace, owner)


def arguments(entry: URLPattern, world, slug: str) -> Iterator[dict[str, object]]:
    """The slug, and for every number each id that exists in the world."""
    converters = {name: kind for name, kind in entry.pattern.converters.items() if name != "slug"}
    choices = [world.ids if isinstance(kind, IntConverter) else [WORDS[name]] for name, kind in converters.items()]
    for values in itertools.product(*choices):
        yield {"slug": slug, **dict(zip(converters, values, strict=True))}


@pytest.mark.timeout(400)  # it walks every address there is
def test_no_page_of_another_workspace_is_found(world, stranger, signed_in) -> None:
    client = signed_in(stranger)
    before = snapshot()
    for _route, entry in pages():
        for kwargs in arguments(entry, world, world.workspace.slug):
            assert_404(client, entry, kwargs)
    assert snapshot() == before


@pytest.mark.timeout(400)  # it walks every address there is
def test_no_object_of_another_workspace_is_found_through_ones_own(world, stranger, signed_in) -> None:
    client = signed_in(stranger)
    before = snapshot()
    its_own = set(ids_in(stranger.workspace))  # her own role may bear a number that something else has there
    world = replace(world, ids=[pk for pk in world.ids if pk not in its_own])
    for _route, entry in pages():
        if any(isinstance(kind, IntConverter) for kind in entry.pattern.converters.values()):
            for kwargs in arguments(entry, world, stranger.workspace.slug):
                assert_404(client, entry, kwargs)
    assert snapshot() == before


def assert_404(client: Client, entry: URLPattern, kwargs: dict[str, object]) -> None:
    url = reverse(_full_name(entry), kwargs=kwargs)
    for method in (client.get, client.post):
        status = method(url).status_code
        assert status in (404, 405), f"{method.__name__} {url} answered {status}"


def _full_name(entry: URLPattern) -> str:
    for namespace, resolver in _namespaces():
        if entry in resolver.url_patterns:
            return f"{namespace}:{entry.name}"
    raise AssertionError(entry)


def _namespaces() -> Iterator[tuple[str, URLResolver]]:
    for resolver in get_resolver().url_patterns:
        if isinstance(resolver, URLResolver) and resolver.namespace:
            yield resolver.namespace, resolver


@pytest.mark.parametrize("route", api_details())
def test_no_object_of_another_workspace_is_found_over_rest(world, foreign_api, route) -> None:
    before = snapshot()
    for number in world.ids:
        url = "/" + route.replace("(?P<pk>[^/.]+)", str(number)).replace("^", "").replace("$", "")
        for method in (foreign_api.get, foreign_api.post):
            status = method(url).status_code
            assert status in (404, 405), f"{method.__name__} {url} answered {status}"
    assert snapshot() == before


def test_a_row_that_is_only_changed_is_another_snapshot(world) -> None:
    before = snapshot()
    assert snapshot() == before
    type(world.workspace).objects.filter(pk=world.workspace.pk).update(name="renamed")
    assert [table for table, rows in snapshot().items() if rows != before[table]] == ["accounts.workspace"]


def test_every_page_asks_who_it_is(client, world) -> None:
    for route, entry in routes():
        if route.startswith("w/"):
            assert hasattr(entry.callback, "action"), f"{route} is not behind `page`"


def test_the_walk_walks_something() -> None:
    assert len(pages()) > 15
    assert len(api_details()) > 10
