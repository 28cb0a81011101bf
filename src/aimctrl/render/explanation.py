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
    "Pending": Style.WAITING,
    "Progressing": Style.WAITING,
    "Starting": Style.WAITING,
    "not Ready": Style.WAITING,
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
        _section("Mind", [Node((Span(warning, Style.WAITING),)) for warning in told.warnings]),
        _section("Stands on", map(_fact, told.facts)),
        _candidates(told.candidates),
        _section("Templates", map(_template, told.templates)),
        _gpus(told.gpus),
        _section("Conditions that do not hold", _conditions(told, now)),
        _section("What the operator does next", _next(told)),
        _section("Recent events", (_event(event, now) for event in told.events)),
    )
    title = (Span(f"{told.kind} {_name(told.namespace, told.name)}", Style.STRONG), Span("  "), *_verdict(told))
    branches = tuple(section for section in sections if section is not None)
    return draw(Node(title, _words(told.trouble), branches), look)


def state_style(state: str) -> Style:
    """How the state of an object looks."""
    return _STATES.get(state, Style.BAD if state else Style.PLAIN)


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
    trouble = fact.trouble
    if trouble is None:
        return Node(head)
    said = Span(f"{trouble.reason}: {trouble.message}".removesuffix(": "), _CARE[trouble.care])
    return Node(head, (said, *_hint(trouble)))


def _candidates(candidates: tuple[Candidate, ...] | None) -> Node | None:
    if candidates is None:
        return None
    nothing = [Node((Span("no template names this model, neither in the namespace nor in the cluster"),))]
    return _section("Candidates", [_candidate(one) for one in candidates] or nothing)


def _candidate(one: Candidate) -> Node:
    mark = Span("✓ ", Style.GOOD) if one.chosen else Span("✗ ", Style.BAD)
    name = Span(f"{one.kind} {_name(one.namespace, one.name)} ", Style.STRONG if one.chosen else Style.PLAIN)
    state = Span(one.state, state_style(one.state))
    why = Span(f" ({one.reason}: {one.why})", Style.PLAIN if one.chosen else Style.DIM)
    return Node((mark, name, state, why))


def _template(one: ModelTemplate) -> Node:
    state = Span(one.state, state_style(one.state))
    said = f"{one.reason}: {one.message}".removesuffix(": ")
    why = (Span(f" ({said})", Style.DIM),) if said else ()
    return Node((Span(f"{one.kind} {_name(one.namespace, one.name)} "), state, *why))


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
