"""A Prefect worker of our own type: it awaits runs in its own process, on one engine, one ledger and one loop.

It runs the flows that are installed beside it and nothing else. Of what Prefect's server says of a run it takes the
flow's name and its parameters; a pool, deployment or run that brings more is refused, and the run says what it was.
A run that is cancelled in Prefect ends before its next write. A worker that is stopped begins no write any more:
passes that wait for one, or are under way after a grace, give their lease back, and go on elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import anyio
import httpx
from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.flow_engine import run_flow_async
from prefect.states import Failed
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseJobConfiguration, BaseWorker, BaseWorkerResult
from pydantic import Field

from retrust.approval.decisions import Attendance
from retrust.engine.engine import Engine
from retrust.errors import CalledOff, TemporaryError
from retrust.ledger import Ledger
from retrust.secrets.redaction import redact_all_logs

AT_ONCE = 4
"""Runs at once of a worker that is told nothing else."""
GRACE = 20.0
"""Seconds that passes under way may take to end when the worker is stopped."""
ASK = 3.0
"""Seconds to ask Prefect, before a write, whether the run was cancelled; no answer is no cancellation."""
TEMPLATE: dict[str, Any] = {
    "job_configuration": {"labels": {}},  # Prefect takes no empty one
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
"""Of our pools: there is no variable that whoever starts a run could set."""
ENTRYPOINTS = {
    "remediate": "retrust_flows.remediate.remediate",
    "sweep": "retrust_flows.sweep.sweep",
    "heard": "retrust_flows.sweep.heard",
}
"""The flows that a worker runs, and where a deployment may say that they are."""


class Job(BaseJobConfiguration):
    """What the server says of a run: the flow's name, and ``refused``, all that it brings beside it. None is used."""

    flow: str
    refused: list[str] = Field(default_factory=list)

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        *,
        client: PrefectClient,
        work_pool: WorkPool,
        worker_name: str,
        worker_id: UUID | None = None,
        deployment: Any = None,
    ) -> Job:
        flow = (await client.read_flow(flow_run.flow_id)).name
        if deployment is None and flow_run.deployment_id:
            deployment = await client.read_deployment(flow_run.deployment_id)
        brought = {
            f"a pool of the type {work_pool.type}": work_pool.type != RetrustWorker.type,
            "a pool with a job template of its own": work_pool.base_job_template != TEMPLATE,
            f"the flow {flow}": flow not in ENTRYPOINTS,
            f"job variables of the run: {', '.join(flow_run.job_variables or ())}": flow_run.job_variables,
        }
        if deployment is not None:
            brought |= {
                f"the deployment's job variables {', '.join(deployment.job_variables or ())}": deployment.job_variables,
                "pull steps": deployment.pull_steps,
                f"the code location {deployment.entrypoint}": deployment.entrypoint
                not in (None, ENTRYPOINTS.get(flow)),
            }
        return cls(flow=flow, refused=[what for what, is_there in brought.items() if is_there])


class Ran(BaseWorkerResult):
    pass


class RetrustWorker(BaseWorker[Job, Any, Ran]):
    type = "retrust"
    job_configuration = Job
    _description = "Runs Retrust's own flows in the worker's process, and nothing else."

    def __init__(
        self, work_pool_name: str, *, engine: Engine | None = None, limit: int | None = None, **settings: Any
    ) -> None:
        super().__init__(work_pool_name, limit=limit or AT_ONCE, **settings)
        self._engine = engine
        self._ledger: Ledger
        self._runs: set[asyncio.Task[Any]] = set()
        self._stops = False

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        return TEMPLATE

    # -- beginning and ending ---------------------------------------------------------------------

    async def start(self, *words: Any, **options: Any) -> None:
        """In a thread of its own: in the main one each run of Prefect's engine would take SIGTERM for itself."""
        await _in_a_thread(lambda: super(RetrustWorker, self).start(*words, **options))

    async def setup(self) -> None:
        self._engine = self._engine or Engine.start()
        self._exit_stack.callback(redact_all_logs(self._engine.redactor))
        self._ledger = await self._exit_stack.enter_async_context(await self._engine.open_ledger())
        await super().setup()

    async def teardown(self, *exc_info: Any) -> None:
        self._stops = True
        with anyio.CancelScope(shield=True):
            await _ended(self._runs, GRACE)
            for run in self._runs:
                run.cancel()
            await _ended(self._runs, None)
        await super().teardown(*exc_info)

    # -- one run ----------------------------------------------------------------------------------

    async def run(self, flow_run: FlowRun, configuration: Job, task_status: Any = None) -> Ran:
        """Returns, and calls the run started, when it is over: so long Prefect's base looks after its cancellation."""
        if self._stops:
            raise TemporaryError("this worker stops: the run was not begun")
        if configuration.refused:
            await self._refuse(flow_run, configuration.refused)
        else:
            run = asyncio.create_task(
                run_flow_async(
                    self._installed(flow_run, configuration.flow),
                    flow_run=flow_run,
                    parameters=flow_run.parameters,
                    return_type="state",
                ),
                name=f"run {flow_run.name}",
            )
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)
            await asyncio.wait([run])
            if not run.cancelled() and (error := run.exception()):
                raise error
        if task_status is not None:
            task_status.started(str(flow_run.id))
        return Ran(status_code=0, identifier=str(flow_run.id))

    def _installed(self, flow_run: FlowRun, name: str) -> Flow[..., Any]:
        from retrust_flows.remediate import Lent, remediation  # heavy, and Prefect loads this module to list workers
        from retrust_flows.sweep import sweeping  # likewise

        assert self._engine is not None
        lent = Lent(self._engine, self._ledger, Attendance("service"), go_on=lambda: self._go_on(flow_run))
        flows: list[Flow[..., Any]] = [remediation(lent), *sweeping(lent)]
        return next(flow for flow in flows if flow.name == name)

    async def _refuse(self, flow_run: FlowRun, brought: list[str]) -> None:
        said = (
            f"refused, since it brings {'; '.join(brought)}: a worker runs {', '.join(ENTRYPOINTS)} as they are "
            "installed beside it, and takes nothing else from Prefect (make pool and deployments anew)"
        )
        self.get_flow_run_logger(flow_run).error("%s", said)
        await propose_state(self.client, Failed(name="Refused", message=said), flow_run_id=flow_run.id)

    async def _go_on(self, flow_run: FlowRun) -> None:
        """Before a write. A stop cuts the pass short there: it records nothing, and another worker takes it up."""
        if self._stops:
            raise asyncio.CancelledError
        with contextlib.suppress(TimeoutError, httpx.HTTPError, ObjectNotFound):
            async with asyncio.timeout(ASK):
                state = (await self.client.read_flow_run(flow_run.id)).state
            if state is not None and (state.is_cancelling() or state.is_cancelled()):
                site = flow_run.parameters["site"]
                raise CalledOff(
                    "the run was cancelled in Prefect: nothing more is sent",
                    where=f"site {site}",
                    hint=f"when it may go on: retrust run {site}",
                )


async def _ended(tasks: set[asyncio.Task[Any]], limit: float | None) -> None:
    if tasks:
        await asyncio.wait(list(tasks), timeout=limit)


async def _in_a_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Awaits ``work`` on a loop in another thread; cancelled, it cancels it there, and waits until it has ended."""
    begun: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def inside() -> None:
        task = asyncio.ensure_future(work())
        begun.append((asyncio.get_running_loop(), task))
        with contextlib.suppress(asyncio.CancelledError):
            await task

    thread = asyncio.ensure_future(asyncio.to_thread(asyncio.run, inside()))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        for loop, task in begun:
            loop.call_soon_threadsafe(task.cancel)
        await thread
        raise
