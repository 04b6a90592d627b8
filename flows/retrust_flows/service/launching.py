"""Starting one pass: awaited in this process, or handed to a work pool's workers.

Both ways end in the same flow. What a pass did is read from the ledger, never from how the launch ended; what
is said here is only whether and when to try again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from retrust.errors import LeaseHeld, PermanentError
from retrust.ledger import LeaseLost
from retrust.runs.endings import Ended
from retrust_flows.running import Runner

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient

    from retrust_flows.service.metrics import Metrics

log = logging.getLogger("retrust.service")


@dataclass(frozen=True)
class Order:
    """A pass to start. ``key`` is of the case and the ledger's position, so that it is started once."""

    site: str
    case: str | None
    key: str
    why: str


class Launcher(Protocol):
    async def launch(self, order: Order) -> None:
        """Returns when the pass is over, or handed over; raises where it could not even be started."""
        ...

    @property
    def hands_over(self) -> bool:
        """Whether a pass goes on after ``launch`` has returned."""
        ...


class InProcess:
    """Awaits passes here, a few at a time: more of them wait for their turn and hold nothing."""

    hands_over = False

    def __init__(self, runner: Runner, metrics: Metrics, *, at_once: int) -> None:
        self._runner = runner
        self._metrics = metrics
        self._turns = asyncio.Semaphore(at_once)

    async def launch(self, order: Order) -> None:
        async with self._turns:
            began = asyncio.get_running_loop().time()
            ended = await self._runner.one_pass(order.site)
            self._metrics.passed(ended.outcome, asyncio.get_running_loop().time() - began)
        self._tell(order, ended)

    def _tell(self, order: Order, ended: Ended) -> None:
        extra = {"site": order.site, "case": ended.case_id or order.case, "outcome": ended.outcome}
        if isinstance(ended.error, LeaseLost):
            self._metrics.lease_lost()
        if isinstance(ended.error, LeaseHeld):
            raise ended.error
        needs = "; ".join(f"{g.gate}: {g.needs}" for g in ended.gates if g.state != "open")
        said = str(ended.error) if ended.error else needs
        log.log(
            logging.WARNING if ended.error else logging.INFO,
            "the pass over %s ended %s%s",
            order.site,
            ended.outcome,
            f": {said}" if said else "",
            extra=extra,
        )


DEPLOYMENT = "remediate/remediate"


class WorkPool:
    """Creates runs of the deployment; asked twice with one key, the server answers with the same run."""

    hands_over = True

    def __init__(self, deployment: str = DEPLOYMENT) -> None:
        self._deployment = deployment
        self._last: dict[str, tuple[str, UUID]] = {}

    async def launch(self, order: Order) -> None:
        from prefect.client.orchestration import get_client  # after our settings are in the environment

        async with get_client() as client:
            if await self._waits(client, order.site):
                log.info("the last run over %s still waits for a worker", order.site, extra={"site": order.site})
                return
            run = await client.create_flow_run_from_deployment(
                await self._deployed(client),
                parameters={"site": order.site},
                idempotency_key=self._key(order),
                tags=[f"case:{order.case}"] if order.case else [],
            )
        self._last[order.site] = order.key, run.id
        log.info(
            "the pass over %s is run %s on the work pool: %s",
            order.site,
            run.name,
            order.why,
            extra={"site": order.site, "case": order.case, "flow_run": str(run.id)},
        )

    async def _waits(self, client: PrefectClient, site: str) -> bool:
        """Whether the site's last run has not begun: without workers, runs must not pile up."""
        from prefect.exceptions import ObjectNotFound  # likewise

        if site not in self._last:
            return False
        try:
            state = (await client.read_flow_run(self._last[site][1])).state
        except ObjectNotFound:
            return False
        return state is not None and (state.is_scheduled() or state.is_pending())

    def _key(self, order: Order) -> str:
        """A run that began and left no trace in the ledger is followed by another, with another key."""
        key, run = self._last.get(order.site, ("", ""))
        return f"{order.key}:{run}" if key == order.key else order.key

    async def _deployed(self, client: PrefectClient) -> UUID:
        from prefect.exceptions import ObjectNotFound  # likewise

        try:
            return (await client.read_deployment_by_name(self._deployment)).id
        except ObjectNotFound:
            raise PermanentError(
                f"Prefect has no deployment {self._deployment}",
                where="prefect.work_pool",
                hint="deploy it: prefect deploy --all, in the folder deployments",
            ) from None
