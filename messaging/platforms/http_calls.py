"""The three calls that platforms are made of. All raise what `common.net` raises: AddressRefused, NotSent, NoAnswer."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2

from community_ops.common import net

UPLOAD_SECONDS = 8.0  # a file of some megabytes; the lease of a row in `sending` is longer
_JSON = {"content-type": "application/json; charset=utf-8"}
_NO_HEADERS: Mapping[str, str] = {}


def json_body(content: Mapping[str, Any]) -> bytes:
    """What `post_json` sends: some platforms measure this, not the text."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def post_json(
    url: str, content: Mapping[str, Any], *, headers: Mapping[str, str] = _NO_HEADERS, is_large: bool = False
) -> net.Answer:
    """POST a JSON object. `is_large`: a file is in it, which takes its time."""
    if is_large:
        return net.post(url, body=json_body(content), headers={**_JSON, **headers}, timeout_seconds=UPLOAD_SECONDS)
    return net.post(url, body=json_body(content), headers={**_JSON, **headers})


def post_files(
    url: str,
    fields: Mapping[str, str],
    files: Mapping[str, tuple[str, bytes, str]],
    *,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> net.Answer:
    """POST a multipart form. `files`: field to (file name, content, type)."""
    form = httpx2.Request("POST", url, data=dict(fields), files=dict(files))
    return net.post(
        url,
        body=form.read(),
        headers={"content-type": form.headers["content-type"], **headers},
        timeout_seconds=UPLOAD_SECONDS,
    )


def get(url: str, *, headers: Mapping[str, str] = _NO_HEADERS, max_bytes: int = net.MAX_ANSWER_BYTES) -> net.Answer:
    return net.get(url, headers=headers, max_bytes=max_bytes)
