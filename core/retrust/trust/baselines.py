"""When a certificate becomes an edge's baseline: the one that it is compared with from then on.

Two ways lead there: a case ended verified, or a look finds the relation demonstrably healthy. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from retrust.models import Baseline, Finding, Grade, Snapshot, Verdict


def healthy_baselines(snapshot: Snapshot) -> list[Baseline]:
    """Of the edges without a proven one, or un-pinned in this case: their relation is healthy, and nothing speaks
    against. One that is as good as what is known already says nothing new."""
    return [
        baseline(snapshot.site, f, snapshot.observed_at)
        for f in snapshot.findings
        if _vouched_for(f, snapshot) and (f.verdict is Verdict.UNPROVEN or _is_better(f))
    ]


def _is_better(finding: Finding) -> bool:
    known = finding.baseline
    return finding.verdict is Verdict.FRESH and known is not None and finding.evidence.grade.rank > known.grade.rank


def taken_up(snapshot: Snapshot, baselines: Collection[Baseline]) -> Snapshot:
    """The snapshot with these baselines in force: what presents the very certificate is fresh."""
    by_edge = {b.edge: b for b in baselines}

    def verified(finding: Finding) -> bool:
        known, seen = by_edge.get(finding.pin.edge), finding.presented
        return known is not None and seen is not None and seen.fingerprint == known.fingerprint

    return snapshot.model_copy(
        update={
            "findings": tuple(
                f.model_copy(
                    update={
                        "verdict": Verdict.FRESH,
                        "baseline": by_edge[f.pin.edge],
                        "reasons": (
                            f"{f.relation or 'every step'} is {'healthy' if f.relation else 'verified'}, so the "
                            "certificate it presents is taken as the one verified",
                        ),
                    }
                )
                if verified(f)
                else f
                for f in snapshot.findings
            )
        }
    )


def _vouched_for(finding: Finding, snapshot: Snapshot) -> bool:
    relation = snapshot.relations.get(finding.relation or "")
    replaceable = finding.baseline is None or finding.unpinned or not finding.baseline.is_proven
    return (
        finding.presented is not None
        and replaceable
        and not finding.sighted
        and finding.evidence.grade is not Grade.CONTRADICTED
        and relation is not None
        and relation.healthy is True
    )


def verified_baselines(snapshot: Snapshot, edges: Collection[str], at: datetime) -> list[Baseline]:
    """The certificates that an approved plan expected at ``edges``, once the case is verified."""
    return [baseline(snapshot.site, f, at) for f in snapshot.findings if f.presented and f.pin.edge in edges]


def baseline(site: str, finding: Finding, at: datetime) -> Baseline:
    assert finding.presented is not None
    return Baseline(
        site=site,
        holder=finding.pin.holder,
        key=finding.pin.key,
        fingerprint=finding.presented.fingerprint,
        key_fingerprint=finding.presented.key_fingerprint,
        subject=finding.presented.subject,
        verified_at=at,
        grade=finding.evidence.grade,
    )
