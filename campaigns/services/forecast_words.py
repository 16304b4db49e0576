"""A forecast in short sentences and rows. Formatting only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.services.forecast_groups import GroupRow, group_rows, plan_carriers, plan_group_rows, reason_ahead
from campaigns.services.forecasting import PlanForecast, StepForecast
from campaigns.services.playbooks import PlannedTouch
from community_ops.common.templatetags.reason_words import condition_words
from community_ops.common.templatetags.wording import duration, grouped, in_zone
from messaging.selectors import joined
from messaging.services import (
    CALL_SECONDS,
    COPY_SECONDS,
    GROUP_SECONDS,
    Allowance,
    BusyPlatform,
    FailingChannel,
    Forecast,
)

A_DAY_SECONDS = 86_400
SHOWN = 5
OF_GROUPS = ("no_endpoint", "endpoint_archived", "group_closed")  # reasons that hold for a group, whatever the step
SLOW_SECONDS = 60  # a step whose last group hears that much after its time is named


@dataclass(frozen=True, slots=True)
class ForecastLine:
    """A sentence; `tone` as of a notice: neutral, or warn where somebody should look."""

    text: str
    tone: str = "neutral"


@dataclass(frozen=True, slots=True)
class ForecastWords:
    """What `components/_forecast.html` shows. `hands`: who posts how much; `steps`: only of a plan;
    `groups`: who carries it to each, the first of `group_count`."""

    lines: Sequence[ForecastLine]
    hands: Sequence[dict[str, Any]]
    note: str
    steps: Sequence[dict[str, Any]] = ()
    is_plan: bool = False
    groups: Sequence[GroupRow] = ()
    group_count: int = 0


def forecast_words(forecast: Forecast, *, zone: str) -> ForecastWords:
    """Of an announcement. `zone`: in which times are written."""
    unreached = _unreached((row.reason, row.send.target_label) for row in forecast.unreached)
    lines = [*_total(forecast, len(forecast.rows)), *_last(forecast, zone), *unreached, *_troubles(forecast, zone)]
    rows, count = group_rows(forecast), len(forecast.carriers)
    return ForecastWords(lines, _hands(forecast, zone), _note(forecast), groups=rows, group_count=count)


def plan_words(plan: PlanForecast, *, zone: str) -> ForecastWords:
    """Of a plan, whose steps are a table."""
    forecast = plan.forecast
    lines = [
        *_total(forecast, len(forecast.rows) + sum(touch.due_at is not None for touch in plan.skipped)),
        *(_after_start(step, plan, zone) for step in plan.steps if step.is_after_start),
        *_slowest(plan, zone),
        *_skipped(plan),
        *_not_there(plan),
        *_troubles(forecast, zone),
        *_uncounted(plan),
    ]
    steps = [_step(step, zone) for step in plan.steps]
    rows, count = plan_group_rows(plan), len(plan_carriers(plan))
    hands, note = _hands(forecast, zone), _note(forecast)
    return ForecastWords(lines, hands, note, steps, is_plan=True, groups=rows, group_count=count)


# --- sentences ---------------------------------------------------------------------------------------


def _total(forecast: Forecast, count: int) -> Iterator[ForecastLine]:
    """How many there are and by which way they go."""
    if not count:
        return
    words = ngettext("%(count)s message: %(ways)s.", "%(count)s messages: %(ways)s.", count)
    yield ForecastLine(words % {"count": grouped(count), "ways": _listed(_ways(forecast, count), most=None)})


def _ways(forecast: Forecast, count: int) -> Iterator[str]:
    by_hand = sum(hand.send_count for hand in forecast.hands)
    if forecast.robot_count:
        yield _("by robot %(count)s") % {"count": grouped(forecast.robot_count)}
    if by_hand:
        people = _listed(f"{hand.name} {grouped(hand.send_count)}" for hand in forecast.hands)
        yield _("by hand %(count)s (%(people)s)") % {"count": grouped(by_hand), "people": people}
    if missing := count - forecast.robot_count - by_hand:
        yield _("not reached %(count)s") % {"count": grouped(missing)}


def _last(forecast: Forecast, zone: str) -> Iterator[ForecastLine]:
    if forecast.last is None:
        yield ForecastLine(_("Nothing of it would be there: see why below."), "warn")
        return
    facts = {
        "group": forecast.last.send.target_label,
        "time": in_zone(forecast.last_at, zone),
        "duration": duration(max(1, round(forecast.seconds))),
    }
    yield ForecastLine(_("%(group)s hears last, about %(time)s: %(duration)s after the first is due.") % facts)


def _after_start(step: StepForecast, plan: PlanForecast, zone: str) -> ForecastLine:
    assert step.last is not None
    words = _("“%(step)s” comes to %(group)s only about %(time)s, after the start (%(start)s).")
    facts = {"step": _(step.step.name), "group": step.last.send.target_label, "time": in_zone(step.last.at, zone)}
    return ForecastLine(words % (facts | {"start": in_zone(plan.starts_at, zone)}), "warn")


def _slowest(plan: PlanForecast, zone: str) -> Iterator[ForecastLine]:
    """The step whose last group waits longest, of several the one nearest to the start, unless it was named already."""
    lags = {step: (step.last.at - step.due_at).total_seconds() for step in plan.steps if step.last and step.last.at}
    step = max(lags, key=lambda step: (lags[step], -abs(step.due_at - plan.starts_at)), default=None)
    if step is None or step.last is None or step.is_after_start or lags[step] < SLOW_SECONDS:
        return
    facts = {"step": _(step.step.name), "group": step.last.send.target_label, "time": in_zone(step.last.at, zone)}
    words = _("Slowest is “%(step)s”, due %(due)s: %(group)s hears last, about %(time)s.")
    yield ForecastLine(words % (facts | {"due": in_zone(step.due_at, zone)}))


def _troubles(forecast: Forecast, zone: str) -> Iterator[ForecastLine]:
    yield from _free(forecast, zone)
    yield from _late(forecast)
    yield from _hands_told(forecast)
    yield from (_allowance(one, zone) for one in forecast.allowances)
    if forecast.robot_count and not forecast.allowances:
        yield ForecastLine(_("No limit of a day or longer is known for these channels."))
    yield from (ForecastLine(_failing(one), "warn") for one in forecast.failing)
    yield from (ForecastLine(busy_words(one), "warn") for one in forecast.busy)
    if forecast.is_cut:
        words = _(
            "So much else is planned over the same channels that not all of it was counted: it may take longer than"
            " this, and more of a limit."
        )
        yield ForecastLine(words, "warn")


def busy_words(one: BusyPlatform) -> str:
    """That a platform says it is busy at the time of some sends."""
    words = ngettext(
        "%(count)s to %(platform)s is due at a full or half hour, when it is busy and may refuse: a few minutes beside"
        " it are better.",
        "%(count)s to %(platform)s are due at a full or half hour, when it is busy and may refuse: a few minutes beside"
        " it are better.",
        one.send_count,
    )
    return words % {"count": grouped(one.send_count), "platform": one.name}


def _unreached(found: Iterable[tuple[str, str]]) -> Iterator[ForecastLine]:
    """One sentence a reason, with the names of those it holds for."""
    names: dict[str, list[str]] = {}
    for reason, name in found:
        names.setdefault(reason, []).append(name)
    for reason, same in names.items():
        words = ngettext(
            "%(count)s not reached (%(names)s): %(why)s", "%(count)s not reached (%(names)s): %(why)s", len(same)
        )
        facts = {"count": grouped(len(same)), "names": _listed(dict.fromkeys(same)), "why": reason_ahead(reason)}
        yield ForecastLine(words % facts, "warn")


def _free(forecast: Forecast, zone: str) -> Iterator[ForecastLine]:
    """Until when quiet hours and holidays hold what they drop and do not move; of several moments the last.
    What they hold until after its latest moment has no later time: it needs another one altogether."""
    held = [row for row in forecast.unreached if row.free_at is not None]
    free_at = free_from(forecast)
    latest = [row.send.latest_at for row in held if row.is_blocked and row.send.latest_at is not None]
    if free_at is None:
        return
    if latest:
        words = _(
            "The rules let it go out from %(time)s on only, after its latest moment (%(latest)s): it cannot be sent in"
            " between. Choose another time."
        )
        yield ForecastLine(words % {"time": in_zone(free_at, zone), "latest": in_zone(max(latest), zone)}, "warn")
    else:
        words = _(
            "It is not moved to %(time)s: what the rules hold at its time is not sent. To send it, choose a time from"
            " %(time)s on."
        )
        yield ForecastLine(words % {"time": in_zone(free_at, zone)}, "warn")


def free_from(forecast: Forecast) -> datetime | None:
    """The first moment at which quiet hours and holidays hold none of it any more; None where they hold nothing, or
    nobody can say."""
    return max((row.free_at for row in forecast.unreached if row.free_at is not None), default=None)


def _skipped(plan: PlanForecast) -> Iterator[ForecastLine]:
    """What the plan leaves out: a step that is past names the step, a group that cannot be reached the group.

    Steps without a time are no part of the total, so they are not counted here either."""
    return _unreached(
        (touch.skipped_reason, _name_of(touch, touch.skipped_reason))
        for touch in plan.skipped
        if touch.due_at is not None
    )


def _not_there(plan: PlanForecast) -> Iterator[ForecastLine]:
    """The same of what the plan does not skip, and that would not be there all the same."""
    rows = zip(plan.touches, plan.forecast.rows, strict=True)
    return _unreached((row.reason, _name_of(touch, row.reason)) for touch, row in rows if row.at is None)


def _name_of(touch: PlannedTouch, reason: str) -> str:
    return touch.group.name if reason in OF_GROUPS else _(touch.step.name)


def _late(forecast: Forecast) -> Iterator[ForecastLine]:
    late = [hand for hand in forecast.hands if hand.late_count]
    if not late:
        return
    count = sum(hand.late_count for hand in late)
    words = ngettext(
        "%(count)s sent by hand would be there after its latest moment (%(people)s).",
        "%(count)s sent by hand would be there after their latest moment (%(people)s).",
        count,
    )
    people = _listed(f"{hand.name} {grouped(hand.late_count)}" for hand in late)
    yield ForecastLine(words % {"count": grouped(count), "people": people}, "warn")


def _allowance(one: Allowance, zone: str) -> ForecastLine:
    facts = {
        "name": one.name or pgettext("allowance", "The whole team"),
        "limit": grouped(one.limit.count),
        "window": duration(one.limit.seconds),
        "used": grouped(one.used_count),
        "others": grouped(one.others_count),
        "wanted": grouped(one.wanted_count),
        "time": in_zone(one.until_at, zone),
    }
    words = _(
        "%(name)s: at most %(limit)s in %(window)s. Until %(time)s that is %(wanted)s of this, %(others)s of other"
        " plans and %(used)s that went out."
    )
    if not one.is_too_little:
        return ForecastLine(joined(words % facts, pgettext("allowance", "That is enough.")))
    missing = _too_few(one) % {"count": grouped(one.missing_count), "window": facts["window"]}
    return ForecastLine(joined(words % facts, missing), "warn")


def _too_few(one: Allowance) -> str:
    if one.limit.seconds == A_DAY_SECONDS:
        return _("%(count)s too few: the rest waits for the next day.")
    return _("%(count)s too few: the rest waits until earlier ones are more than %(window)s old.")


def _failing(one: FailingChannel) -> str:
    if one.is_for_good:
        message = _("Delivery channel “%(channel)s”: the last message to it failed.")
    else:
        message = _("Delivery channel “%(channel)s”: the last try did not get through.")
    return joined(message % {"channel": one.name}, one.words)


def _hands_told(forecast: Forecast) -> Iterator[ForecastLine]:
    """Colleagues who will not hear of their cards, or may not be able to open them."""
    untold = [hand.name for hand in forecast.hands if not hand.is_told]
    if untold:
        words = _("There is no channel to notify %(people)s (a staff robot or mail). The cards are only on the list.")
        yield ForecastLine(words % {"people": _listed(untold)}, "warn")
    no_link = [hand.name for hand in forecast.hands if not hand.has_link]
    if no_link:
        words = _("%(people)s: no personal link yet, so the cards cannot be seen.")
        yield ForecastLine(words % {"people": _listed(no_link)}, "warn")
    unopened = [hand.name for hand in forecast.hands if hand.has_link and not hand.has_opened]
    if unopened:
        words = _("%(people)s: the personal link was never opened. Make sure that it has arrived.")
        yield ForecastLine(words % {"people": _listed(unopened)}, "warn")


def _uncounted(plan: PlanForecast) -> Iterator[ForecastLine]:
    for one in plan.uncounted:
        words = ngettext(
            "Not counted, for nobody knows when it comes: “%(step)s” to %(count)s group (%(condition)s).",
            "Not counted, for nobody knows when it comes: “%(step)s” to %(count)s groups (%(condition)s).",
            one.group_count,
        )
        facts = {"step": _(one.step.name), "condition": condition_words(one.step.condition)}
        yield ForecastLine(words % (facts | {"count": grouped(one.group_count)}))


def _note(forecast: Forecast) -> str:
    """What the times rest on."""
    robot = _("%(seconds)s s a call") % {"seconds": CALL_SECONDS}
    hand = _("by hand %(card)d s a card and %(group)d s a group") % {
        "card": COPY_SECONDS,
        "group": GROUP_SECONDS,
    }
    known = [(robot, forecast.robot_count), (_slowing(forecast), forecast.slowing), (hand, forecast.hands)]
    taken = [words for words, counts in known if counts]
    return _("Estimated: %(assumptions)s.") % {"assumptions": _listed(taken)} if taken else ""


def _slowing(forecast: Forecast) -> str:
    """The limit that makes it slow."""
    one = forecast.slowing
    if one is None:
        return ""
    facts = {
        "name": one.name or pgettext("allowance", "The whole team"),
        "limit": grouped(one.limit.count),
        "window": duration(one.limit.seconds),
    }
    return _("%(name)s at most %(limit)s in %(window)s") % facts


def _listed(values: Iterable[str], *, most: int | None = SHOWN) -> str:
    found = list(values)
    shown = found if most is None else found[:most]
    return pgettext("between names", ", ").join(shown) + (" …" if len(found) > len(shown) else "")


# --- rows --------------------------------------------------------------------------------------------


def _hands(forecast: Forecast, zone: str) -> list[dict[str, Any]]:
    return [{"hand": hand, "until": in_zone(hand.until_at, zone)} for hand in forecast.hands]


def _step(step: StepForecast, zone: str) -> dict[str, Any]:
    last = step.last
    return {
        "name": _(step.step.name),
        "step": step,
        "when": in_zone(step.due_at, zone),
        "last": in_zone(last.at, zone) if last is not None else "",
        "last_group": last.send.target_label if last is not None else "",
    }
