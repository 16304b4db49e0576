"""Endpoints and their connections."""

from datetime import datetime
from math import ceil
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, dbtime, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from messaging.errors import ConfigRefused
from messaging.models import Connection, Delivery, DeliveryState, Endpoint, Platform
from messaging.platforms import registry
from messaging.platforms.base import Account, Part, Result
from messaging.services import identities, identity_changes, limits, resting
from messaging.services.bound_chats import refuse_bound_chat
from messaging.services.calling import call, outgoing

_UNTESTED = (Platform.SANDBOX, Platform.ASSISTED)  # one shows every message, the other is a person
_MADE_BY_ADAPTER = "hint"  # in a connection's config, and no setting


@transaction.atomic
def create_endpoint(
    *, workspace_id: int, name: str, platform: str, config: dict[str, Any], actor: Actor, now: datetime
) -> Endpoint:
    """Create an endpoint and its connection. `config` is the platform's own (docs/platforms).

    The same account as of another connection of the workspace counts together with it (ADR-0016). Raises InvalidInput
    for name, platform and a chat that has a channel already, ConfigRefused naming the setting, also for an account that
    another workspace sends through. Secrets are encrypted and never handed out again. Every call makes a new endpoint.
    """
    name = text.clean_line(name, field="name", max_length=100)
    _refuse_by_hand(platform)
    adapter = registry.offered(platform)
    account = adapter.read_config(config)
    known = identities.identity_of_account(workspace_id, platform, account.config, account.secret)
    (identity,) = identities.lock(known)
    refuse_bound_chat(platform, identity, account.address)
    identities.hold(identity, platform)
    secret: Any = account.secret  # the field encrypts JSON; its type says text
    connection = Connection.objects.create(
        workspace_id=workspace_id,
        platform=platform,
        name=name,
        config=account.config,
        secret=secret,
        identity=identity,
    )
    endpoint = Endpoint.objects.create(
        workspace_id=workspace_id,
        connection=connection,
        name=name,
        kind=adapter.kind,
        address=account.address,
        identity=identities.identity_of_chat(platform, identity, account.address),
        drops_repeats=account.drops_repeats,
    )
    after = {"name": name, "platform": platform, "config": account.config}
    audit.record(actor=actor, verb="endpoint.created", target=endpoint, now=now, after=after)
    return endpoint


def _refuse_by_hand(platform: str) -> None:
    if platform == Platform.ASSISTED:
        raise InvalidInput(_("Such a channel is made with its person: add her to the to-send list."), field="platform")


@transaction.atomic
def update_endpoint(*, endpoint: Endpoint, name: str, config: dict[str, Any], actor: Actor, now: datetime) -> Endpoint:
    """Change a channel's name and settings, and return it fresh; what is planned for it goes the new way.

    Where it leads to another chat from now on, what has begun in the former one ends there (`chat_changed`).

    A setting that `config` leaves out stays as it is, secrets too; `drops_repeats` is the exception: out is no.
    Settings of the account change for all its channels; its name only follows where this is the only one.
    An account that was left alone because its key was refused is tried again at once.
    Another key may be another account: what is sent from then on counts as that one's, and own limits come along
    (`identities.bring_limits`).
    Raises InvalidInput for the name or a chat that another channel has, ConfigRefused naming the setting, also for an
    account that another workspace sends through, InvalidTransition for an archived channel. Writes an audit row that
    says whether a secret or the chat changed, never which value. The same again changes nothing.
    """
    name = text.clean_line(name, field="name", max_length=100)
    locked = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if locked.archived_at is not None:
        raise InvalidTransition(_("This channel is archived."))
    account = locked.connection = Connection.objects.select_for_update().get(pk=locked.connection_id)
    settings = registry.get(account.platform).read_config(_settings_of(account) | locked.address | config)
    _refuse_led_away(account, settings, config)
    before, after = _facts(locked, account), _facts_of(name, settings)
    old_secret: Any = account.secret  # the field decrypts JSON; its type says text
    news = {"has_new_secret": old_secret != settings.secret}
    known = Account(config=account.config, secret=old_secret, address=locked.address)
    if is_moved := not registry.get(account.platform).is_same_chat(known, settings):
        news["has_new_chat"] = True
    if before == after and not any(news.values()):
        return locked
    identity_changes.follow(locked, account, settings, now=now)
    _store(locked, account, name=name, settings=settings, now=now)
    if is_moved:
        _leave_chat(locked, now=now)
    after |= news
    audit.record(actor=actor, verb="endpoint.changed", target=locked, now=now, before=before, after=after)
    return Endpoint.objects.select_related("connection").get(pk=locked.pk)


def _refuse_led_away(account: Connection, settings: Account, given: dict[str, Any]) -> None:
    """A secret nobody can read must not be sent to a server somebody names now: who changes that types it again."""
    leading = registry.get(account.platform).leads_secrets
    if any(account.config.get(key) != settings.config.get(key) for key in leading):
        for key in settings.secret:
            if key not in given:
                raise ConfigRefused(key, _("type it again: it would go to another server"))


def _store(endpoint: Endpoint, account: Connection, *, name: str, settings: Account, now: datetime) -> None:
    secret: Any = settings.secret  # the field encrypts JSON; its type says text
    account_name = account.name if channels_beside(endpoint) else name
    Connection.objects.filter(pk=account.pk).update(
        name=account_name, config=settings.config, secret=secret, updated_at=now
    )
    Endpoint.objects.filter(pk=endpoint.pk).update(
        name=name, address=settings.address, drops_repeats=settings.drops_repeats, updated_at=now
    )


def _leave_chat(endpoint: Endpoint, *, now: datetime) -> None:
    """What has begun there is not ended here (`sending.look` refuses it); a worker that holds a row loses it, with the
    chat it knows."""
    Endpoint.objects.filter(pk=endpoint.pk).update(chat_changed_at=now)
    in_hand = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.PLANNED).exclude(lease_owner="")
    in_hand.update(lease_owner="", lease_until=None, updated_at=now)


def channels_beside(endpoint: Endpoint) -> int:
    """How many other live channels the same account has."""
    live = Endpoint.objects.of(endpoint.workspace_id).filter(connection=endpoint.connection_id, archived_at=None)
    return live.exclude(pk=endpoint.pk).count()


def _settings_of(account: Connection) -> dict[str, Any]:
    """What a platform's adapter was given when the connection was made, without the flags."""
    secret: Any = account.secret
    return {key: value for key, value in account.config.items() if key != _MADE_BY_ADAPTER} | dict(secret)


def _facts(endpoint: Endpoint, account: Connection) -> dict[str, Any]:
    return {"name": endpoint.name, "config": account.config, "drops_repeats": endpoint.drops_repeats}


def _facts_of(name: str, settings: Account) -> dict[str, Any]:
    return {"name": name, "config": settings.config, "drops_repeats": settings.drops_repeats}


def send_test_message(*, endpoint: Endpoint, actor: Actor, now: datetime) -> Result:
    """Send one text that says it is a test, at once, and return the platform's answer. There is no delivery for it.

    It counts against the channel's limits; send rules do not hold it (`policies.EXEMPTIONS`). Raises
    InvalidTransition for an archived channel, for a sandbox room and a person, which need no test, and where a limit
    is used up. The call is made outside any transaction; afterwards an audit row is written with its outcome. Should
    this process die meanwhile, a tick ends what it counts as (`limits.end_lost_tests`).
    """
    endpoint = Endpoint.objects.select_related("connection").get(pk=endpoint.pk)
    if endpoint.archived_at is not None or endpoint.connection.platform in _UNTESTED:
        raise InvalidTransition(_("No test message can be sent through this channel."))
    number = -int(now.timestamp() * 1000)  # no delivery has it, and each test another one: receivers drop repeats
    words = _("Test from Community Ops, please ignore.")
    slot_ids = _take_slots(endpoint)
    try:
        message = outgoing(
            endpoint, Part(words), delivery_id=number, sent_at=now, signed_at=dbtime.now(), label=endpoint.name
        )
        result = call(endpoint, message)
    finally:
        limits.end_slots(slot_ids=slot_ids, db_now=dbtime.now())
    after = {"outcome": result.outcome.value, "code": result.code[:40], "text": result.text[:200]}
    with transaction.atomic():
        resting.heed(endpoint, result, db_now=dbtime.now(), now=now)
        audit.record(actor=actor, verb="endpoint.tested", target=endpoint, now=now, after=after)
    return result


@transaction.atomic
def _take_slots(endpoint: Endpoint) -> list[int]:
    db_now = dbtime.now()
    known = limits.limits_of(endpoint)
    taken = limits.take_slots(known, workspace_id=endpoint.workspace_id, delivery=None, db_now=db_now)
    if isinstance(taken, datetime):
        seconds = max(1, ceil((taken - db_now).total_seconds()))
        raise InvalidTransition(_("The channel's limit is used up. Try again in %(seconds)d s.") % {"seconds": seconds})
    return taken
