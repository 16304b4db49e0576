"""The placeholder language of message texts: `{name}`, nothing more; `{{` and `}}` are literal braces.

Never a Django template: no attribute access, no call, no loop. A brace that does not look like a
placeholder (`{"a": 1}`, `{ }`) is text.
"""

import re
from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput

_TOKEN = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]{0,40})\}")


def names_in(text: str) -> set[str]:
    """Names of the placeholders the text uses."""
    return {match[1] for match in _TOKEN.finditer(text) if match[1]}


def refuse_unknown(text: str, *, known: Collection[str], field: str = "text") -> None:
    """Raise InvalidInput naming the placeholders that nobody can fill."""
    if unknown := sorted(names_in(text) - set(known)):
        message = _("Unknown placeholder: %(names)s.") % {"names": ", ".join(unknown)}
        raise InvalidInput(message, field=field, unknown=unknown, known=sorted(known))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill in the values; raises KeyError for a placeholder without one. Values are not read again."""

    def replace(match: re.Match[str]) -> str:
        return values[match[1]] if match[1] else match[0][0]

    return _TOKEN.sub(replace, text)
