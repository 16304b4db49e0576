"""In words: which channels count together."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from messaging.identity_selectors import Together

MOST_NAMES = 5


def together_words(together: Together) -> list[str]:
    """A sentence for each reason why calls of other channels use up the same limits; nothing where there is none."""
    found = []
    if together.same_account:
        words = _("The same account as of %(names)s: the platform counts them together, and so do we.")
        found.append(words % {"names": _names(together.same_account)})
    if together.same_chat:
        words = _("In the same chat as %(names)s: the platform counts them together, and so do we.")
        found.append(words % {"names": _names(together.same_chat)})
    if together.is_elsewhere:
        found.append(
            _(
                "Another team of this installation sends through this account too. The platform counts both together;"
                " here only your team is counted, so it may refuse."
            )
        )
    return found


def _names(names: tuple[str, ...]) -> str:
    listed = ", ".join(f"“{name}”" for name in names[:MOST_NAMES])
    if (more := len(names) - MOST_NAMES) <= 0:
        return listed
    return ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more) % {
        "names": listed,
        "count": more,
    }
