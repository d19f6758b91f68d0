"""How a sync stands, a row's story and the destinations, as text. Pure.

A plan's text is in `plan`. Nothing here shows a value of a row: counts, moments, codes, our
own names, and the key that was asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from orchestration.sync_operations import (
    DestinationView,
    RowStory,
    UnusableDestination,
)
from orchestration.sync_progress import duration
from reverse_etl.accounts import CredentialState
from reverse_etl.destinations.protocol import Capabilities, LimitKind, RateLimit
from reverse_etl.history import (
    DEAD_AFTER,
    DEAD_AFTER_ATTEMPTS,
    LastRun,
    RowEvent,
    RowRefusal,
    SyncStatus,
)
from reverse_etl.row_outlook import RowOutlook
from reverse_etl.spec import SyncSpec
from reverse_etl.wording import counted

_LABEL_WIDTH = 15

_OUTLOOKS: Mapping[str, str] = {
    "add": "would send it: the destination does not hold it",
    "change": "would send it: it is not as the destination holds it",
    "rematch": "would take it out with its old identifiers and put it back with the new",
    "absent": "would remove it: it left the model",
    "withdraw": "would remove it: its customer's consent is gone",
    "unchanged": "would leave it: the destination holds it as it is",
    "waiting": "would leave it: it was refused, and waits",
    "in_doubt": (
        "would leave it: an answer was lost, and a person decides. See "
        "`kenning sync retry --in-doubt`"
    ),
    "skipped": "would leave it: its customer has not consented, or is suppressed",
    "ambiguous": "would leave it: several rows of the model share its key",
    "keyless": "would leave it: it has no key",
    "kept": "would leave it: it left the model, and the sync's mode keeps what left",
    "inherited": "would leave it: another row of the model stands for the same record",
    "nowhere": "knows no such row: it is neither in the model nor at the destination",
}


def render_status(spec: SyncSpec, status: SyncStatus) -> str:
    """One sync: its last run, what is held, refused and decided."""
    lines = [f"{spec.name} -> {spec.destination}/{spec.object}"]
    if status.paused is not None:
        lines.append(
            _line(
                "paused",
                f"{status.paused}. `kenning sync resume {spec.name}` lets it run again",
            )
        )
    lines += _last_run(status.last_run)
    if status.has_unfinished_run:
        lines.append(
            _line("unfinished", "a run is not over; the next one goes on with it")
        )
    lines.append(_line("holds", f"{_rows(status.held)} by our record"))
    if status.unknown:
        lines.append(
            _line(
                "",
                f"{counted(status.unknown, 'of them is', 'of them are')} sent again with "
                "the next run",
            )
        )
    if status.in_doubt:
        lines.append(
            _line(
                "in doubt",
                f"{counted(status.in_doubt, 'row waits', 'rows wait')} for a person: look "
                "into the destination, "
                f"then `kenning sync retry {spec.name} --in-doubt resend` or `delivered`",
            )
        )
    if status.refused:
        refused = ", ".join(
            f"{count:,} {name}" for name, count in status.refused.items()
        )
        lines.append(_line("refused", refused))
    if status.dead:
        lines.append(
            _line(
                "",
                f"{status.dead:,} of them {DEAD_AFTER_ATTEMPTS} times or for "
                f"{DEAD_AFTER.days} days: somebody has to look",
            )
        )
    if status.approved is not None:
        lines.append(_line("approved", f"the plan {status.approved}, for the next run"))
    if status.rejected is not None:
        lines.append(_line("put away", f"the plan {status.rejected}"))
    return "\n".join(lines)


def _last_run(run: LastRun | None) -> Iterable[str]:
    if run is None:
        yield _line("last run", "none")
        return
    moment = run.finished_at or run.started_at
    yield _line(
        "last run",
        f"{run.status} at {_moment(moment)}, {_rows(run.planned)} planned, "
        f"{counted(run.requests, 'request', 'requests')} ({run.run_id})",
    )
    if run.resume_at is not None:
        yield _line("", f"goes on after {_moment(run.resume_at)}")
    if run.message and run.status != "succeeded":
        yield _line("", run.message)


def render_story(story: RowStory) -> str:
    """Everything that happened to one row, oldest first, and what comes next."""
    spec, history = story.spec, story.history
    lines = [
        f"Row {story.key} of {spec.name} -> {spec.destination}/{spec.object}",
        _line("outcomes as", history.key_sha256),
        "",
    ]
    if history.events:
        lines += [_event(event) for event in history.events]
    else:
        lines.append("  No run that is still on record sent it.")
    lines += ["", _line("at destination", _held(story))]
    if history.refusal is not None:
        lines.append(_line("refused", _refusal(history.refusal)))
    lines += _outlook(story)
    return "\n".join(lines)


def _event(event: RowEvent) -> str:
    what = (
        event.op if event.action in (None, event.op) else f"{event.op} ({event.action})"
    )
    text = f"  {_moment(event.at):<20}  {what:<16}  {event.status}"
    if event.error_class is not None:
        text += f": {event.error_class}"
    if event.error_code is not None:
        text += f" {event.error_code}"
    if event.error_field is not None:
        text += f" at {event.error_field}"
    if event.row_hash is not None:
        text += f"  content {event.row_hash[:8]}"
    return f"{text}  run {event.run_id}"


def _held(story: RowStory) -> str:
    history = story.history
    if history.state is None:
        return "not held, by our record"
    states = {
        "acked": "held as acknowledged",
        "unknown": "held, and what of it is not known: it is sent again",
        "in_doubt": "perhaps held: an answer was lost, and a person decides",
    }
    parts = [states.get(history.state, history.state)]
    if history.acknowledged_at is not None:
        parts.append(f"since {_moment(history.acknowledged_at)}")
    if history.row_hash is not None:
        parts.append(f"content {history.row_hash[:8]}")
    if history.dest_id is not None:
        parts.append(f"as {history.dest_id} there")
    return ", ".join(parts)


def _refusal(refusal: RowRefusal) -> str:
    text = refusal.error_class
    if refusal.error_code is not None:
        text += f" {refusal.error_code}"
    if refusal.error_field is not None:
        text += f" at {refusal.error_field}"
    times = "once" if refusal.attempts == 1 else f"{refusal.attempts:,} times"
    text += f", {times} since {_moment(refusal.first_at)}; "
    if refusal.next_retry_at is None:
        return f"{text}tried again when it changes"
    return f"{text}tried again after {_moment(refusal.next_retry_at)}"


def _outlook(story: RowStory) -> Iterable[str]:
    outlook = story.outlook
    if outlook is None:
        yield _line("next run", f"cannot be told: {story.no_outlook}")
        return
    yield _line("next run", _finding(outlook))
    if outlook.is_held_back:
        yield _line(
            "", f"but a guard holds the run: `kenning sync plan {story.spec.name}`"
        )
    if outlook.is_paused:
        yield _line("", "but the sync is paused")
    if outlook.has_unfinished_run:
        yield _line("", "and it first settles a run that is not over")


def _finding(outlook: RowOutlook) -> str:
    if outlook.finding == "faulty":
        return f"would leave it: its value for {outlook.fault} cannot go as the mapping wants"
    return _OUTLOOKS.get(outlook.finding, outlook.finding)


def render_destinations(
    views: Sequence[DestinationView | UnusableDestination],
) -> str:
    """Every destination in one line: what it is, whether it is ready, who uses it."""
    width = max((len(view.name) for view in views), default=0)
    lines = []
    for view in views:
        if isinstance(view, UnusableDestination):
            lines.append(f"{view.name:<{width}}  cannot be used: {view.reason}")
            continue
        missing = [state.source for state in view.credentials if not _is_there(state)]
        ready = f"needs {', '.join(missing)}" if missing else "ready"
        used = f"; used by {', '.join(view.syncs)}" if view.syncs else ""
        lines.append(f"{view.name:<{width}}  {view.kind.label}: {ready}{used}")
    return "\n".join(lines)


def render_destination(view: DestinationView) -> str:
    """One destination: credentials, limits, and what it does with each object."""
    kind = view.kind
    title = f"{view.name}: {kind.label}"
    if view.name != kind.name:
        title += f", an account of {kind.name}"
    lines = [title]
    lines += _credentials(view.credentials)
    lines += [
        _line("limits" if position == 0 else "", text)
        for position, text in enumerate(
            [_limit(limit) for limit in view.limits] or ["none"]
        )
    ]
    for name, capabilities in kind.objects.items():
        lines += ["", *_object("any object" if name == "*" else name, capabilities)]
    lines += ["", _line("used by", ", ".join(view.syncs) or "no sync")]
    return "\n".join(lines)


def _credentials(states: Sequence[CredentialState]) -> Iterable[str]:
    if not states:
        yield _line("credentials", "none needed")
    width = max((len(state.source) for state in states), default=0)
    for position, state in enumerate(states):
        label = "credentials" if position == 0 else ""
        if state.is_set:
            there = "set"
        elif state.default is not None:
            there = f"not set; {state.default}" if state.default else "not needed"
        else:
            there = "MISSING"
        yield _line(label, f"{state.source:<{width}}  {there}  ({state.description})")


def _is_there(state: CredentialState) -> bool:
    return state.is_set or state.default is not None


def _limit(limit: RateLimit) -> str:
    group = "" if limit.group == "default" else f" ({limit.group})"
    match limit.kind:
        case LimitKind.CONCURRENCY:
            return f"{limit.max_requests:,} requests at once{group}"
        case LimitKind.DAILY:
            return f"{limit.max_requests:,} requests a day{group}"
    return f"{limit.max_requests:,} requests in {duration(limit.window_s)}{group}"


def _object(name: str, found: Capabilities) -> Iterable[str]:
    yield f"  {name}"
    yield _indented("modes", _names(found.modes))
    yield _indented("removals", _names(found.removals) or "none")
    yield _indented("match", ", ".join(found.match_fields) or "any one name")
    yield _indented("batch", _batch(found))
    yield _indented("sent twice", _REPEATS[found.idempotency.value])
    if found.settings or found.optional_settings:
        optional = [f"{name} (may be left out)" for name in found.optional_settings]
        yield _indented("settings", ", ".join([*found.settings, *optional]))
    traits = [
        text
        for text, is_so in (
            ("a list: records enter and leave it", found.is_membership),
            ("answers come later", found.is_async),
            ("failed rows are counted, not named", not found.names_failed_rows),
            ("can erase for good", found.can_erase),
        )
        if is_so
    ]
    if traits:
        yield _indented("also", "; ".join(traits))


_REPEATS: Mapping[str, str] = {
    "keyed": "is the same as once",
    "event_id": "is the same as once, by the event's id",
    "header": "is the same as once, by the request's key",
    "none": "does it twice: rows whose answer was lost follow in_doubt",
}


def _batch(found: Capabilities) -> str:
    if found.max_batch_rows is None:
        return "a whole run at once"
    text = _rows(found.max_batch_rows)
    if found.max_batch_bytes is not None:
        text += f", {found.max_batch_bytes:,} bytes"
    return f"{text}; up to {found.max_workers} at once"


def _names(values: Iterable[object]) -> str:
    return ", ".join(sorted(str(value) for value in values))


def _indented(label: str, text: str) -> str:
    return f"    {label:<{_LABEL_WIDTH - 2}}{text}"


def _rows(count: int) -> str:
    return counted(count, "row", "rows")


def _moment(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"
