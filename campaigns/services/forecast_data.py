"""A forecast as plain data for other tools. Formatting only."""

from datetime import datetime
from typing import Any

from campaigns.services.forecast_groups import group_data, plan_carriers, reason_ahead
from campaigns.services.forecast_words import busy_words
from campaigns.services.forecasting import PlanForecast, StepForecast
from messaging.services import Allowance, Forecast, Hand


def forecast_data(forecast: Forecast) -> dict[str, Any]:
    """A forecast as REST gives it."""
    last = forecast.last
    return {
        "robot_count": forecast.robot_count,
        "hand_count": sum(hand.send_count for hand in forecast.hands),
        "seconds": round(forecast.seconds, 1),
        "first_at": _moment(forecast.first_at),
        "last_at": _moment(forecast.last_at),
        "last_group": last.send.target_id if last is not None else None,
        "hands": [_hand_data(hand) for hand in forecast.hands],
        "unreached": [_unreached_data(row.send.target_id, row.send.due_at, row.reason) for row in forecast.unreached],
        "allowances": [_allowance_data(one) for one in forecast.allowances],
        "failing": [
            {
                "endpoint": one.endpoint_id,
                "name": one.name,
                "message": one.words,
                "send_count": one.send_count,
                "is_for_good": one.is_for_good,
            }
            for one in forecast.failing
        ],
        "busy": [
            {"platform": one.platform, "message": busy_words(one), "send_count": one.send_count}
            for one in forecast.busy
        ],
        "groups": group_data(forecast.carriers),
        "is_cut": forecast.is_cut,
    }


def plan_data(plan: PlanForecast) -> dict[str, Any]:
    """The same of a plan, with its steps; what the plan skips is among the unreached."""
    skipped = [
        _unreached_data(touch.group.pk, touch.due_at, touch.skipped_reason, step=touch.step.key)
        for touch in plan.skipped
    ]
    unreached = [
        _unreached_data(row.send.target_id, row.send.due_at, row.reason, step=touch.step.key)
        for touch, row in zip(plan.touches, plan.forecast.rows, strict=True)
        if row.at is None
    ]
    return forecast_data(plan.forecast) | {
        "unreached": [*unreached, *skipped],
        "groups": group_data(plan_carriers(plan)),
        "steps": [_step_data(step) for step in plan.steps],
        "uncounted": [
            {"step": one.step.key, "condition": one.step.condition, "group_count": one.group_count}
            for one in plan.uncounted
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None


def _hand_data(hand: Hand) -> dict[str, Any]:
    names = ("name", "card_count", "send_count", "late_count", "is_told", "has_link", "has_opened")
    facts = {name: getattr(hand, name) for name in names}
    return {"assignee": hand.assignee_id, **facts, "until_at": _moment(hand.until_at)}


def _unreached_data(group_id: int, due_at: datetime | None, reason: str, *, step: str = "") -> dict[str, Any]:
    facts = {"group": group_id, "due_at": _moment(due_at), "reason": str(reason), "message": reason_ahead(reason)}
    return {"step": step, **facts} if step else facts


def _allowance_data(one: Allowance) -> dict[str, Any]:
    counts = ("used_count", "others_count", "wanted_count", "missing_count")
    limit = {"name": one.name, "scope": one.limit.scope.value, "count": one.limit.count, "seconds": one.limit.seconds}
    return limit | {name: getattr(one, name) for name in counts} | {"until_at": _moment(one.until_at)}


def _step_data(step: StepForecast) -> dict[str, Any]:
    counts = ("robot_count", "hand_count", "unreached_count", "is_after_start")
    last = step.last
    return {
        "step": step.step.key,
        "due_at": _moment(step.due_at),
        **{name: getattr(step, name) for name in counts},
        "last_at": _moment(last.at) if last is not None else None,
        "last_group": last.send.target_id if last is not None else None,
    }
