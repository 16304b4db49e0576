"""Reading JSON strictly."""

import codecs
import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser


class MalformedJson(APIException):
    status_code = 400
    default_code = "malformed_json"
    default_detail = _("The body is not valid JSON.")


class StrictJSONParser(BaseParser):
    """UTF-8 JSON; NaN, Infinity and anything else that is not JSON is `malformed_json`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            text = codecs.decode(stream.read(), "utf-8")
            return json.loads(text, parse_constant=_refuse) if text.strip() else {}
        except (ValueError, RecursionError):
            raise MalformedJson from None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
