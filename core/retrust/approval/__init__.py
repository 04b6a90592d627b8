"""Which gates a plan must pass, who may decide at them, and how they stand.

    required   from risk classes to gates             decisions    approve, reject, cancel, dismiss
    rules      every rule of who may decide           tokens       how people prove who they are
    standing   the gates asked                        signing      a yes signed with an SSH key
    policies   a wrong policy found before it is used acceptance   a node's changed host key or web certificate

What a gate is, is ``retrust.gates``'. A decision is recorded by the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.approval.acceptance import accepted
    from retrust.approval.decisions import (
        Attendance,
        MayNotDecide,
        Speaker,
        approve,
        cancel,
        current_matter,
        dismiss,
        gate_for,
        gate_states,
        look_again,
        matter_from,
        objection,
        person_labels,
        reject,
    )
    from retrust.approval.policies import check_policy
    from retrust.approval.required import RISKS, approvers_of, requirements
    from retrust.approval.rules import DECIDABLE, Matter, expires_at, may_decide
    from retrust.approval.ssh_keys import sign
    from retrust.approval.standing import at_any_plan, evaluate
    from retrust.approval.tokens import (
        ADMIN,
        MayNotMake,
        Register,
        Token,
        create_token,
        person_at,
        right_to_make_tokens,
        roles_of,
        token_id,
        without_tokens,
    )

__all__ = [
    "ADMIN",
    "DECIDABLE",
    "RISKS",
    "Attendance",
    "Matter",
    "MayNotDecide",
    "MayNotMake",
    "Register",
    "Speaker",
    "Token",
    "accepted",
    "approve",
    "approvers_of",
    "at_any_plan",
    "cancel",
    "check_policy",
    "create_token",
    "current_matter",
    "dismiss",
    "evaluate",
    "expires_at",
    "gate_for",
    "gate_states",
    "look_again",
    "matter_from",
    "may_decide",
    "objection",
    "person_at",
    "person_labels",
    "reject",
    "requirements",
    "right_to_make_tokens",
    "roles_of",
    "sign",
    "token_id",
    "without_tokens",
]

__getattr__ = lazily(
    __name__,
    required="RISKS approvers_of requirements",
    policies="check_policy",
    rules="DECIDABLE Matter expires_at may_decide",
    standing="at_any_plan evaluate",
    decisions="Attendance MayNotDecide Speaker approve cancel current_matter dismiss gate_for gate_states "
    "look_again matter_from objection person_labels reject",
    tokens="ADMIN MayNotMake Register Token create_token person_at right_to_make_tokens roles_of token_id "
    "without_tokens",
    acceptance="accepted",
    ssh_keys="sign",
)
