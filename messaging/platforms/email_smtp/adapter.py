"""E-mail to one person by SMTP: "accepted" is the next mail server's word, not the reader's."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from django.conf import settings as installation

from community_ops.common import net
from messaging import markup
from messaging.models import EndpointKind
from messaging.platforms import smtp_calls
from messaging.platforms.base import Account, Adapter, Outcome, Outgoing, Result
from messaging.platforms.email_smtp.capabilities import CAPABILITIES
from messaging.platforms.email_smtp.config import SETTINGS, STARTTLS, TLS, check_account
from messaging.platforms.email_smtp.dialect import MailDialect, document
from messaging.platforms.http_results import TEXT_LENGTH, from_failure
from messaging.platforms.smtp_calls import Reply, Server, Step
from messaging.splitting import shortened

SUBJECT_LENGTH = 78
_ADDRESS = re.compile(r"\s*(→\s*)?https?://\S+")  # with the arrow that points at it
_JOINER = "\u200d"  # of an emoji family; not printable, and no end of a line
_POLICY = SMTP.clone(cte_type="7bit")
# Of the codes that are for good, those whose cause lies in the settings: `messaging.wording.FINDINGS` says it.
_SETTINGS_ARE_WRONG = {Step.LOGIN: "login_refused", Step.ENCRYPTION: "no_encryption"}


class EmailAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("host", "username")
    kind = EndpointKind.PERSON
    dialect = MailDialect()
    leads_secrets = frozenset({"host", "port", "security"})

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        check_account(account.config, account.secret)
        return replace(account, config=account.config | {"hint": account.config["sender"]})

    def account_key(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> tuple[str, ...]:
        """The login at its server; where there is none, the sender's address there."""
        if "host" not in config:
            return ()
        return config["host"].lower(), str(config.get("username") or config.get("sender", "")).lower()

    def send(self, message: Outgoing) -> Result:
        """One mail; the server's last word decides."""
        sender, to = message.config["sender"], message.address["chat"]
        mail = mail_of(message)
        try:
            reply = smtp_calls.send_mail(_server(message), mail.as_bytes(), sender=sender, to=to)
        except net.CallFailed as failure:
            return from_failure(failure)
        return _result(reply, to=to, message_id=str(mail["Message-ID"]))


def mail_of(message: Outgoing) -> EmailMessage:
    """The mail as it goes out: plain words, the same as HTML where it is markdown, and the image below."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(message.config.get("sender_name", ""), addr_spec=message.config["sender"])
    mail["To"] = Address(addr_spec=message.address["chat"])
    mail["Subject"] = subject_of(message)
    mail["Date"] = format_datetime(message.signed_at)
    mail["Message-ID"] = message_id_of(message)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no "out of office" comes back
    mail.set_content(markup.render(message.text, is_markdown=message.is_markdown))
    if message.is_markdown:
        spelled = markup.render(message.text, is_markdown=True, dialect=EmailAdapter.dialect)
        mail.add_alternative(document(spelled), subtype="html")
    if message.picture is not None:
        kind, _, form = message.picture.content_type.partition("/")
        name = f"image.{form}"
        mail.add_attachment(message.picture.data, kind, form, disposition="inline", filename=name)
    return mail


def subject_of(message: Outgoing) -> str:
    """The target's name, else the first words without addresses; one line whatever is in them, so that no header is
    smuggled in."""
    words = message.label or _first_words(markup.render(message.text, is_markdown=message.is_markdown))
    line = " ".join("".join(sign if sign.isprintable() or sign == _JOINER else " " for sign in words).split())
    if len(line) > SUBJECT_LENGTH:
        line = f"{shortened(line, SUBJECT_LENGTH - 1)}…"
    return line if message.part_count == 1 else f"{line} ({message.part + 1}/{message.part_count})"


def _first_words(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return _ADDRESS.sub("", first).strip() or first


def message_id_of(message: Outgoing) -> str:
    """The same for each try of this part to this person through this account, and for nothing else anywhere."""
    account = (message.config["host"], message.config.get("username", ""), message.config["sender"])
    named = "\n".join((message.key, message.address["chat"], *account)).encode()
    digest = hmac.new(installation.SECRET_KEY.encode(), named, hashlib.sha256).hexdigest()
    return f"<{digest[:32]}@{message.config['sender'].rpartition('@')[2]}>"


def _server(message: Outgoing) -> Server:
    return Server(
        host=message.config["host"],
        port=message.config["port"],
        is_encrypted=message.config["security"] == TLS,
        upgrades=message.config["security"] == STARTTLS,
        username=message.config.get("username", ""),
        password=message.secret.get("password", ""),
    )


def _result(reply: Reply, *, to: str, message_id: str) -> Result:
    """2xx accepted, 4xx later, all else for good."""
    text = re.sub(re.escape(to), "…", reply.text, flags=re.IGNORECASE)[:TEXT_LENGTH]  # servers repeat the address
    if 200 <= reply.code < 300:
        return Result(Outcome.ACCEPTED, str(reply.code), text, message_id=message_id)
    if 400 <= reply.code < 500:
        return Result(Outcome.RETRY, str(reply.code), text)
    if (finding := _SETTINGS_ARE_WRONG.get(reply.step)) is not None:
        words = f"{reply.code or ''} {text}".strip()
        return Result(Outcome.REFUSED, finding, words, refuses_key=reply.step is Step.LOGIN)
    return Result(Outcome.REFUSED, str(reply.code), text)
