"""From a snapshot to a plan, and from a plan to its digest. Pure.

The digest covers what a person decides on: the planned pins' lines as listed, the exact steps with the state
expected before and after each, commitments to the secrets that they fill in, the policy that applies, the
expected fingerprints and the evidence grades. No times are in it, and nothing of pins that the plan does not
touch. It also names the digest that the site used before, so that the same change planned again after a failure
is a new plan that asks for new decisions.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from retrust.models import Plan, Snapshot, Verdict
from retrust.target import Target

DIGEST_FORMAT = "retrust-plan-2"


def make_plan(
    target: Target[Any],
    site: Any,
    snapshot: Snapshot,
    deleted: frozenset[str] = frozenset(),
    follows: str | None = None,
) -> Plan:
    """The plan that heals what the snapshot shows; one without steps where there is nothing to do."""
    stale = tuple(f for f in snapshot.findings if f.verdict is Verdict.STALE)
    steps = target.steps(site, stale, snapshot, deleted)
    return bind(
        Plan(
            site=snapshot.site,
            target=snapshot.target,
            snapshot=snapshot,
            steps=steps,
            follows=follows,
            first_use=target.first_use,
            digest="",
        )
    )


def bind(plan: Plan, **more: Any) -> Plan:
    """The plan with its digest, and with ``more`` that the digest covers: policy, commitments."""
    whole = plan.model_copy(update=more)
    return whole.model_copy(update={"digest": digest(whole)})


def digest(plan: Plan) -> str:
    """``sha256:`` + hex over the canonical JSON of what a decision binds."""
    return "sha256:" + hashlib.sha256(canonical(bound(plan))).hexdigest()


def bound(plan: Plan) -> dict[str, Any]:
    """What the digest covers, readable."""
    planned = plan.unpinned
    return {
        "format": DIGEST_FORMAT,
        "site": plan.site,
        "target": plan.target,
        "pins": [{"holder": f.pin.holder, "line": f.pin.line} for f in planned],
        "evidence": {f.pin.edge: f.evidence.grade.value for f in planned},
        "follows": plan.follows,
        "policy": list(plan.policy),
        "commitments": plan.commitments,
        "steps": [step.model_dump(mode="json") for step in plan.steps],
    }


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no blanks, UTF-8; numbers here are integers only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
