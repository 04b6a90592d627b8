"""Prefect's part of Retrust: the remediation as a flow, the server it runs on, and the service.

``remediate`` is the flow; ``server`` starts the embedded Prefect server; ``cli`` holds the verbs. Nothing
here knows a target. Importing this package does not import Prefect.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrust.commands import Command
from retrust.hookspecs import hookimpl


@hookimpl
def retrust_commands() -> Sequence[Command]:
    return [
        Command("demo", "the whole story in the lab, end to end, on the embedded default", "retrust_flows.demo:demo"),
        Command("serve", "sources, webhook, console and flows: the whole service", "retrust_flows.serve:serve"),
        Command("doctor", "whether a run finds all that it needs, with the remedies", "retrust_flows.doctor:doctor"),
        Command("deploy", "write units, containers or manifests for a platform", "retrust_flows.deploy:deploy"),
        Command("worker", "a worker on the work pool: runs what the service ordered", "retrust_flows.work:worker"),
        Command("run", "plan, gates, remediate, verify, in the foreground with progress", "retrust_flows.cli:run"),
    ]
