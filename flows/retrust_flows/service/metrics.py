"""What Prometheus is told: counted from the ledger's entries as they pass, and from how the service stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily

from retrust.ledger import Entry
from retrust.ledger.entries import AlarmRaised, CaseMoved, LeaseTaken, SightingsKept, StepRecorded
from retrust.states import FINAL, OPEN_STATES, State

if TYPE_CHECKING:
    from retrust_flows.service.standing import Standing
    from retrust_flows.service.supervision import Supplied

_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 60, 300, 1800, 3600, 4 * 3600)
_WAITS = (1, 60, 600, 3600, 6 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600)


class Metrics:
    """``take`` hears of entries; ``standings`` and ``sources`` are looked at when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.standings: Callable[[], Sequence[Standing]] = tuple
        self.sources: Callable[[], Sequence[Supplied]] = tuple
        self.unassigned: Callable[[], int] = int
        self._ended = self._counter("retrust_cases_ended", "Cases that ended, by how.", "state")
        self._sightings = self._counter("retrust_sightings", "Sightings kept, each counted.", "kind")
        self._alarms = self._counter("retrust_alarms", "Alarms raised.", "what")
        self._passes = self._counter("retrust_passes", "Passes run by this process, by how they ended.", "outcome")
        self._lost = self._counter("retrust_lease_losses", "Leases that a run lost, or that were taken over.")
        self._pass_seconds = self._histogram("retrust_pass_seconds", "Passes run by this process.", _SECONDS)
        self._steps = self._histogram("retrust_step_seconds", "Steps, from their start to their end.", _SECONDS, "kind")
        self._waits = self._histogram("retrust_gate_wait_seconds", "From a plan's first wait to its approval.", _WAITS)
        self._started: dict[tuple[str, str], datetime] = {}
        self._waiting: dict[str, datetime] = {}
        self.registry.register(_Gauges(self))
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(name, says, labels, registry=self.registry)

    def _histogram(self, name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, says, labels, buckets=buckets, registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    # -- what happens -----------------------------------------------------------------------------

    def passed(self, outcome: str, seconds: float) -> None:
        self._passes.labels(outcome).inc()
        self._pass_seconds.observe(seconds)

    def lease_lost(self) -> None:
        self._lost.inc()

    def take(self, entry: Entry) -> None:
        match entry.body:
            case SightingsKept(sightings=rows):
                for row in rows:
                    self._sightings.labels(row.kind).inc(row.count)
            case CaseMoved(state=state):
                self._moved(entry, state)
            case StepRecorded() as step:
                self._stepped(entry, step)
            case AlarmRaised(what=what):
                self._alarms.labels(what).inc()
            case LeaseTaken(took_over=before) if before:
                self._lost.inc()

    def _moved(self, entry: Entry, state: State) -> None:
        case = entry.case or ""
        if state is State.WAITING:
            self._waiting.setdefault(case, entry.at)
        elif case in self._waiting and state is State.APPROVED:
            self._waits.observe((entry.at - self._waiting.pop(case)).total_seconds())
        if state in FINAL:
            self._ended.labels(state.value).inc()
            self._waiting.pop(case, None)
            self._started = {key: at for key, at in self._started.items() if key[0] != case}

    def _stepped(self, entry: Entry, step: StepRecorded) -> None:
        key = entry.case or "", step.step
        if step.phase == "started":
            self._started[key] = entry.at
        elif step.phase in ("done", "undecided", "failed") and key in self._started:
            self._steps.labels(step.kind).observe((entry.at - self._started.pop(key)).total_seconds())


class _Gauges:
    """How things stand, read at the moment somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        cases = GaugeMetricFamily("retrust_cases", "Open cases by state.", labels=["state"])
        states = [s.state for s in self._metrics.standings() if s.state is not None]
        for state in OPEN_STATES:
            cases.add_metric([state.value], states.count(state))
        yield cases
        yield GaugeMetricFamily(
            "retrust_sightings_unassigned", "Kept sightings of no known site.", value=self._metrics.unassigned()
        )
        yield from self._of_sources()

    def _of_sources(self) -> Iterator[GaugeMetricFamily]:
        for name, says, value in _SOURCE_GAUGES:
            family = GaugeMetricFamily(f"retrust_source_{name}", says, labels=["source"])
            for source in self._metrics.sources():
                family.add_metric([source.name], value(source))
            yield family


_SOURCE_GAUGES: tuple[tuple[str, str, Callable[[Supplied], float]], ...] = (
    ("up", "Whether the source works.", lambda s: float(s.up)),
    ("lag_seconds", "How far the source is behind.", lambda s: s.lag),
    ("delivered", "Sightings that the source delivered.", lambda s: float(s.delivered)),
    ("restarts", "How often the source was started again.", lambda s: float(s.restarts)),
    ("dropped", "What was lost before it could be read, as the kernel counts it.", lambda s: float(s.drops)),
    ("refused", "Requests that a door turned away, and hints counted without their names.", lambda s: s.refusals),
)
