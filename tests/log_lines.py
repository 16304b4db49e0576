"""What is written down during a block, by the product's own handler."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.config import DictConfigurator

from django.conf import settings


@contextmanager
def written(logger: str = "", level: int = logging.DEBUG) -> Iterator[io.StringIO]:
    """Lines of this logger and those below it from `level` on, as `stderr` of settings.LOGGING writes them."""
    stream, config = io.StringIO(), DictConfigurator(dict(settings.LOGGING))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(config.configure_formatter(dict(settings.LOGGING["formatters"]["line"])))
    handler.addFilter(config.configure_filter(dict(settings.LOGGING["filters"]["mask"])))
    heard = logging.getLogger(logger)
    before = heard.level
    heard.addHandler(handler)
    heard.setLevel(level)
    try:
        yield stream
    finally:
        heard.removeHandler(handler)
        heard.setLevel(before)
