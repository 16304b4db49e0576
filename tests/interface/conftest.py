"""The kit is tested in English; what is particular about Chinese says so."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.template import engines
from django.test import RequestFactory
from django.utils import translation

Render = Callable[..., str]


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def render(rf: RequestFactory) -> Render:
    """Render template source as a page of a signed-out person would; keyword arguments are the context."""

    def run(source: str, query: str = "", **context: Any) -> str:
        request = rf.get("/page" + query)
        return engines["django"].from_string(source).render(context, request)

    return run


@pytest.fixture
def component(render: Render) -> Render:
    """Render one file of templates/components."""

    def run(name: str, **context: Any) -> str:
        return render(f'{{% include "components/{name}.html" %}}', **context)

    return run
