"""An explanation as a tree."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from aimctrl.aim.explain.explanation import (
    GPU,
    Candidate,
    ConditionLine,
    EventLine,
    Explanation,
    Fact,
    ModelTemplate,
    NextStep,
    Trouble,
)
from aimctrl.aim.remedies import Care
from aimctrl.render.text import Span, Style, age
from aimctrl.render.tree import Look, Node, draw
from aimctrl.runtime.foresight import Action

_CARE = {Care.MEND: Style.BAD, Care.WAIT: Style.WAITING, Care.NONE: Style.DIM}
_STATES = {
    "Ready": Style.GOOD,
    "Running": Style.GOOD,
    "Available": Style.GOOD,
    "Bound": Style.GOOD,
    "Pending": Style.WAITING,
    "Progressing": Style.WAITING,
    "Starting": Style.WAITING,
    "not Ready": Style.WAITING,
    "not discovered": Style.WAITING,
}
_ACTIONS = {
    Action.CREATE: (Style.STRONG, "creates"),
    Action.APPLY: (Style.STRONG, "applies"),
    Action.REMOVE: (Style.STRONG, "removes"),
    Action.KEEP: (Style.DIM, "leaves as it is"),
    Action.WAIT: (Style.WAITING, "waits with"),
    Action.REFUSED: (Style.BAD, "cannot have"),
    Action.UNKNOWN: (Style.WAITING, "does something unknown about"),
}


def tree(told: Explanation, now: datetime, look: Look) -> str:
    """The whole explanation, ending with a newline."""
    sections = (
        _section("Mind", _warnings(told)),
        _section("Stands on", map(_fact, told.facts)),
        _candidates(told.candidates),
        _section("Templates", (_template(one, stuck=told.status != "Ready") for one in told.templates)),
        _gpus(told.gpus),
        _section("Conditions that do not hold", _conditions(told, now)),
        _section("What the operator does next", _next(told)),
        _section("Recent events", (_event(event, now) for event in told.events)),
    )
    title = (Span(f"{told.kind} {_name(told.namespace, told.name)}", Style.STRONG), Span("  "), *_verdict(told))
    branches = tuple(section for section in sections if section is not None)
    return draw(_once(Node(title, _words(told.trouble), branches), set()), look)


def _once(node: Node, told: set[str]) -> Node:
    """The node without the hints that were given before, from the top."""
    notes = tuple(note for note in node.notes if note.style is not Style.HINT or note.text not in told)
    told.update(note.text for note in notes if note.style is Style.HINT)
    return Node(node.head, notes, tuple(_once(branch, told) for branch in node.branches))


def state_style(state: str) -> Style:
    """How the state of an object looks."""
    return _STATES.get(state, Style.BAD if state else Style.PLAIN)


def _warnings(told: Explanation) -> Iterator[Node]:
    """What the rest is to be taken with; first, what the cluster says instead, which may be the very cause."""
    if told.recorded is not None:
        said = told.recorded
        head = (Span("in the cluster: "), Span(said.status or "no status", state_style(said.status)))
        yield Node((*head, Span(f" ({said.trouble.reason})")), _words(said.trouble))
    for warning in told.warnings:
        yield Node((Span(warning, Style.WAITING),))


def _verdict(told: Explanation) -> tuple[Span, ...]:
    state = Span(told.status or "no status", state_style(told.status))
    return (state, Span(f" ({told.trouble.reason})")) if told.trouble.reason else (state,)


def _section(title: str, nodes: Iterable[Node]) -> Node | None:
    branches = tuple(nodes)
    return Node((Span(title, Style.STRONG),), branches=branches) if branches else None


def _words(trouble: Trouble) -> tuple[Span, ...]:
    """What is wrong, and what can be done."""
    return (Span(trouble.message), *_hint(trouble))


def _hint(trouble: Trouble) -> tuple[Span, ...]:
    return (Span(f"→ {trouble.remedy}", Style.HINT),) if trouble.remedy else ()


def _name(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def _fact(fact: Fact) -> Node:
    state = (Span(", "), Span(fact.state, state_style(fact.state))) if fact.state else ()
    why = (Span(f" ({fact.why})", Style.DIM),) if fact.why else ()
    head = (Span(f"{fact.name}: "), Span(fact.value, Style.STRONG), *state, *why)
    parts = tuple(map(_fact, fact.parts))
    # What its parts say is not said again.
    said = () if any(map(_is_troubled, fact.parts)) else _said(fact.trouble)
    return Node(head, (*said, *_see(fact.see)), parts)


def _is_troubled(fact: Fact) -> bool:
    return fact.trouble is not None or any(map(_is_troubled, fact.parts))


def _said(trouble: Trouble | None) -> tuple[Span, ...]:
    if trouble is None:
        return ()
    return (Span(f"{trouble.reason}: {trouble.message}".removesuffix(": "), _CARE[trouble.care]), *_hint(trouble))


def _see(command: str) -> tuple[Span, ...]:
    return (Span(f"→ {command}", Style.HINT),) if command else ()


def _candidates(candidates: tuple[Candidate, ...] | None) -> Node | None:
    if candidates is None:
        return None
    nothing = [Node((Span("no template names this model, neither in the namespace nor in the cluster"),))]
    stuck = not any(one.chosen for one in candidates)
    return _section("Candidates", [_candidate(one, stuck=stuck) for one in candidates] or nothing)


def _candidate(one: Candidate, *, stuck: bool) -> Node:
    """What can be done about one is told where none is chosen."""
    mark = Span("✓ ", Style.GOOD) if one.chosen else Span("✗ ", Style.BAD)
    name = Span(f"{one.kind} {_name(one.namespace, one.name)} ", Style.STRONG if one.chosen else Style.PLAIN)
    state = Span(one.state, state_style(one.state))
    why = Span(f" ({one.reason}: {one.why})", Style.PLAIN if one.chosen else Style.DIM)
    hints = (*_hint(one.trouble), *_see(one.see)) if stuck and one.trouble is not None else ()
    return Node((mark, name, state, why), hints)


def _template(one: ModelTemplate, *, stuck: bool) -> Node:
    """What can be done about one is told where the model is not Ready."""
    state = Span(one.state, state_style(one.state))
    said = f"{one.reason}: {one.message}".removesuffix(": ")
    why = (Span(f" ({said})", Style.DIM),) if said else ()
    remedy = (Span(f"→ {one.remedy}", Style.HINT),) if one.remedy else ()
    hints = (*remedy, *_see(one.see)) if stuck else ()
    return Node((Span(f"{one.kind} {_name(one.namespace, one.name)} "), state, *why), hints)


def _gpus(gpus: tuple[GPU, ...] | None) -> Node | None:
    if gpus is None:
        return None
    return _section("GPU models", [_gpu(gpu) for gpu in gpus] or [Node((Span("no node has any"),))])


def _gpu(gpu: GPU) -> Node:
    here = f"{gpu.count} on {gpu.nodes} node{'' if gpu.nodes == 1 else 's'}" if gpu.nodes else "no node has it"
    wanted = (Span(f", wanted by {', '.join(gpu.wanted_by)}", Style.DIM),) if gpu.wanted_by else ()
    return Node((Span(f"{gpu.model}: "), Span(here, Style.GOOD if gpu.nodes else Style.BAD), *wanted))


def _conditions(told: Explanation, now: datetime) -> Iterator[Node]:
    """Those that do not hold, and those of which the cluster says something else; what says the same is told once.

    What was asked to be so comes last.
    """
    groups: dict[tuple[str, bool], list[ConditionLine]] = {}
    for line in told.conditions:
        if not line.holds or line.recorded is not None:
            groups.setdefault((line.trouble.reason, line.holds), []).append(line)
    for lines in sorted(groups.values(), key=_as_asked):
        yield _condition(lines, told.trouble, now)


def _as_asked(lines: list[ConditionLine]) -> bool:
    return lines[0].trouble.care is Care.NONE and all(line.recorded is None for line in lines)


def _condition(lines: list[ConditionLine], deciding: Trouble, now: datetime) -> Node:
    """One reason; what the title says already is not said again."""
    trouble = lines[0].trouble
    style = Style.GOOD if lines[0].holds else _CARE[trouble.care]
    since = max((line.since for line in lines if line.since is not None), default=None)
    ago = Span(f" for {age(since, now)}" if since else "", Style.DIM)
    names = ", ".join(f"{line.type}={line.status}" for line in lines)
    messages = dict.fromkeys(line.trouble.message for line in lines if line.trouble.message != deciding.message)
    remedy = _hint(trouble) if trouble.reason != deciding.reason else ()
    recorded = tuple(_recorded(line) for line in lines if line.recorded is not None)
    return Node((Span(f"{names}  "), Span(trouble.reason, style), ago), (*map(Span, messages), *remedy), recorded)


def _recorded(line: ConditionLine) -> Node:
    assert line.recorded is not None
    said = line.recorded
    head = (Span(f"in the cluster: {line.type}={said.status}  "), Span(said.trouble.reason, _CARE[said.trouble.care]))
    return Node(head, _words(said.trouble))


def _next(told: Explanation) -> Iterator[Node]:
    yield from map(_step, told.next.steps)
    if told.next.writes_status:
        yield Node((Span("writes", Style.STRONG), Span(f" the status {told.status}")))
    seconds = told.next.seconds
    also = f", and in {seconds:.0f} s in any case" if seconds is not None else ""
    yield Node((Span(f"looks again when something it depends on changes{also}"),))


def _step(step: NextStep) -> Node:
    style, verb = _ACTIONS[step.action]
    why = (Span(f" ({step.why})", Style.DIM),) if step.why else ()
    return Node((Span(verb, style), Span(f" {step.kind} {_name(step.namespace, step.name)}"), *why))


def _event(event: EventLine, now: datetime) -> Node:
    warns = event.type == "Warning"
    reason = Span(f"{'Warning ' if warns else ''}{event.reason}", Style.WAITING if warns else Style.PLAIN)
    times = f" ({event.count} times)" if event.count > 1 else ""
    ago = f"{age(event.at, now)} ago  " if event.at else ""
    return Node((Span(ago, Style.DIM), reason, Span(f"  {event.message}{times}")))
