"""What is said beside success."""

from typing import TypedDict


class Warned(TypedDict):
    """One entry of a `warnings` list."""

    code: str
    message: str
