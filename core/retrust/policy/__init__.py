"""Policy: which gates a plan must pass, who may decide at them, and how they stand.

``required`` maps risk classes to gates, ``check`` finds a wrong policy before it is needed, ``rules`` holds
every rule of who may decide, and ``standing`` asks the gates. What a gate is, is ``retrust.gates``'. All of
it is pure but for the gates that ``evaluate`` asks; recording a decision is the ledger's.
"""

from retrust.policy.check import check_policy
from retrust.policy.required import RISKS, approvers_of, requirements
from retrust.policy.rules import Matter, expires_at, may_decide
from retrust.policy.standing import evaluate

__all__ = ["RISKS", "Matter", "approvers_of", "check_policy", "evaluate", "expires_at", "may_decide", "requirements"]
