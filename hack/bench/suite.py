"""Which cases there are, how large, and what they are to show; programs take turns, so that load hits them alike."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench import cases, programs
from bench.cases import Figures
from bench.programs import FIFO, GO, KOPF, OURS, Program
from bench.services import services

TEN = ("--workers=10",)
GO_TEN = f"{GO}, 10 workers"
OPERATOR = "aimctrl run"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: Widgets of each case, spec changes, changes that mean nothing, services, and rounds."""

    widgets: int
    cold: int
    beside_kopf: int
    changes: int
    touches: int
    services: tuple[int, ...]
    rounds: int
    many: int = 0


SIZES = {
    "small": Size(2000, 300, 300, 60, 1000, (100,), 1),
    "medium": Size(10_000, 2000, 2000, 200, 4000, (100, 500, 1000), 3),
    "full": Size(10_000, 2000, 2000, 400, 10_000, (100, 500, 1000, 2000), 3, many=50_000),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of one program in a case."""

    case: str
    program: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one run; `names` are those of the programs to measure, `python` runs those in Python."""

    size: Size
    names: tuple[str, ...]
    python: str
    measured: list[Measured] = field(default_factory=list[Measured])

    def run(self, case: str) -> None:
        """Run a case, and keep what it gave."""
        CASES[case](self)

    def start(self) -> None:
        """An almost empty cluster."""
        with cases.place(1) as there:
            for program in self._turns(self._warm()):
                self._keep("start", program, cases.start(there, program))

    def warm(self) -> None:
        """Sync, reaction and changes that mean nothing, at the usual size; and what it takes to receive the latter."""
        with cases.place(self.size.widgets) as there:
            for program in self._turns(self._warm()):
                for case, figures in cases.warm(there, program, self.size.changes, self.size.touches).items():
                    self._keep(case, program, figures)
                self._dropped(there, program)
                if program.name == OURS:
                    self._dropped(there, programs.floor(self.python))

    def many(self) -> None:
        """Sync with as many as there may be; nothing at the smaller sizes."""
        if self.size.many:
            with cases.place(self.size.many) as there:
                for program in self._turns(self._warm()):
                    self._keep("many", program, cases.sync(there, program))

    def cold(self) -> None:
        """Everything is new; controller-runtime by default, with 10 workers as ours, and with the plain queue."""
        with cases.place(self.size.cold, converged=False) as there:
            for program in self._turns(self._cold()):
                self._keep("cold", program, cases.cold(there, program))

    def kopf(self) -> None:
        """Sync and changes that mean nothing, beside kopf; last, since it leaves annotations that others would list."""
        with cases.place(self.size.beside_kopf) as there:
            chosen = [programs.ours(self.python)] if OURS in self.names else []
            if KOPF in self.names:
                chosen.append(programs.kopf(self.python))
            for program in chosen:
                if program.name == KOPF:
                    cases.sync(there, program)  # it annotates what it has never seen
                for _ in range(self.size.rounds):
                    for case, figures in cases.warm(there, program, 0, self.size.touches // 4).items():
                        self._keep(f"kopf {case}", program, figures)

    def operator(self) -> None:
        """Services from nothing to Running."""
        for count in self.size.services:
            self._keep(f"operator {count}", Program(OPERATOR, ()), services(count, self.python))

    def _dropped(self, there: cases.Place, program: Program) -> None:
        self._keep("no-op, dropped", program, cases.dropped(there, program, self.size.touches))

    def _turns(self, chosen: list[Program]) -> Iterator[Program]:
        for _ in range(self.size.rounds):
            yield from chosen

    def _warm(self) -> list[Program]:
        ours = [programs.ours(self.python)] if OURS in self.names else []
        return [*ours, programs.controller_runtime()] if GO in self.names else ours

    def _cold(self) -> list[Program]:
        chosen = [programs.ours(self.python).with_options(*TEN)] if OURS in self.names else []
        if GO in self.names:
            go = programs.controller_runtime()
            chosen += [go, Program(GO_TEN, go.command + TEN), Program(FIFO, (*go.command, *TEN, "--fifo"))]
        return chosen

    def _keep(self, case: str, program: Program, figures: Figures) -> None:
        self.measured.append(Measured(case, program.name, figures))
        rounded = {name: round(value, 3) for name, value in figures.items()}
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({"case": case, "program": program.name, "load": load, **rounded}), flush=True)


CASES: dict[str, Callable[[Suite], None]] = {
    "start": Suite.start,
    "warm": Suite.warm,
    "many": Suite.many,
    "cold": Suite.cold,
    "kopf": Suite.kopf,
    "operator": Suite.operator,
}
