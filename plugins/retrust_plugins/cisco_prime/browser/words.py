"""The words looked for, in one place: labels, buttons and states, each with the variants that are likely.

Labels and buttons of HA are quoted by the documentation; those of the ISE page are only described there.
Patterns are compared without regard to case, blanks and a trailing colon or asterisk. For labels they may
be part of the text, a whole match being preferred; for buttons they are the whole name.
"""

from __future__ import annotations

import re
from typing import Any

TEXT = ["text", "password"]


def label(*words: str, never: str | None = None, kinds: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """A control to look for."""
    return {"words": list(words), "not": never, "kinds": kinds or TEXT, **more}


def button(*words: str, **more: Any) -> dict[str, Any]:
    """Something to press."""
    return {"words": list(words), **more}


def literal(text: str) -> str:
    """A text as a pattern of itself; JavaScript takes fewer escapes than ``re.escape`` makes."""
    return re.sub(r"[.*+?^${}()|\[\]\\/]", r"\\\g<0>", text)


# A value that is not there yet: nothing, marks alone, or a word of waiting. A sign like ✓ is a value.
_NO_WORD = r"[^\w✓✔☑✅🟢✗✘✖❌🔴×]*"
BLANK = re.compile(rf"^{_NO_WORD}$")
UNSETTLED = re.compile(
    rf"^{_NO_WORD}((n/a|none|null|undefined|unknown|waiting|updating|refreshing|one moment)|"
    rf"(loading|retrieving|fetching|please wait)\b.{{0,40}})?{_NO_WORD}$",
    re.I,
)

# Login
LOGIN_USER = label(r"user ?-?name", r"user ?-?id", r"user", r"login( name| id)?", r"account", kinds=["text"])
LOGIN_PASSWORD = label(r"password", r"passphrase|pass ?code", kinds=["password"], any=True)
SIGN_IN = button(r"log ?-?in|sign ?-?in|log ?-?on|login now")
LOGIN_BUTTON = button(r"log ?-?in|sign ?-?in|log ?-?on|login now", r"submit|go|ok|continue|enter|next")

# Menus
ADMINISTRATION = (r"administration", r"admin(istration)?( menu)?", r"system administration")
SETTINGS = (r"settings?", r"system settings?", r"settings? menu")
SERVERS = (r"servers?", r"servers? menu", r"server management")
HIGH_AVAILABILITY = (r"high ?-?availability( \(ha\))?", r"high ?-?availability.{0,20}", r"ha")
ISE_SERVERS = (r"ise servers?", r"identity services? engines?( servers?)?", r"ise servers?.{0,20}", r"ise")
MENU_TOGGLE = button(r"(open |show |toggle |main |global )*(menu|navigation)( toggle| icon| button)?", r"[☰≡]")

# High availability
CONFIGURATION_MODE = r"(current |ha )?configuration mode"
OTHER_LABELS = re.compile(  # what stands beside the mode on these pages, and is never the mode itself
    r"^(role|state|status|fail ?-?over type|(primary|secondary) server.*|authentication key|e-?mail address|"
    r"(enable )?virtual ip.*|ha configuration|ha status|check readiness|register|save|cancel)\W*$|:$",
    re.I,
)
HA_CONFIGURATION = button(
    r"ha configuration",
    r"(high ?-?availability|ha) ?-? ?config(uration|ure)?( page| tab)?",
    r"configure (ha|high ?-?availability)",
    r"ha configuration.{0,15}",
)
SECONDARY_SERVER = label(
    r"secondary server( ip)?( ?/ ?| or )?(ip address|address|host ?-?name|name)?.{0,25}",
    r"secondary server",
    r"secondary( ip)?( address| host)?",
    never=r"key|port|e-?mail|virtual",
)
AUTHENTICATION_KEY = label(
    r"authentication key",
    r"auth(entication|\.)? ?-?(key|password)",
    r"key",
    never=r"confirm|re-?(enter|type)|verify|again",
)
AUTHENTICATION_KEY_AGAIN = label(
    r"(confirm|re-?enter|re-?type|verify) (the )?(auth(entication|\.)? ?)?key",
    r"(auth(entication|\.)? ?)?key \(?(again|confirm|confirmation)\)?",
    limit=6,
)
EMAIL_ADDRESS = label(r"e-?mail address(es)?", r"e-?mail( ids?)?", kinds=["text"])
FAILOVER_TYPE = label(r"fail ?-?over (type|mode)", r"fail ?-?over", kinds=["choice"])
ENABLE_VIRTUAL_IP = label(
    r"(enable|use) virtual ip( address(ing)?)?", r"virtual ip( address(ing)?)?", kinds=["checkbox"]
)
VIRTUAL_IPV4 = label(
    r"ip ?-?v4 virtual ip( address)?", r"virtual ip ?-?v4( address)?", r"ip ?-?v4.{0,15}", kinds=["text"]
)
VIRTUAL_IPV6 = label(
    r"ip ?-?v6 virtual ip( address)?", r"virtual ip ?-?v6( address)?", r"ip ?-?v6.{0,15}", kinds=["text"]
)
CHECK_READINESS = button(
    r"check readiness",
    r"(run |start |perform )?(ha )?readiness( check| test)?",
    r"check (ha |for )*readiness.{0,15}",
)
REGISTER = button(
    r"register",
    r"register (ha|now|high availability|secondary( server)?|server)",
    r"(start |begin )?(ha )?registration",
)
MILESTONES = {
    "Pre-HA Registration": r"\bpre ?-? ?(ha|high availability)? ?-?registration",
    "Database Replication": r"\b(database|db) ?-?replication",
    "Post HA Registration": r"\bpost ?-? ?(ha|high availability)? ?-?registration",
}

# ISE servers
SELECT_A_COMMAND = label(r"-*\s*select (a |an )?(command|action)\s*-*", r"commands?|actions?", kinds=["choice"])
SELECT_A_COMMAND_OR_CHOSEN = {**SELECT_A_COMMAND, "words": [*SELECT_A_COMMAND["words"], r"add ise servers?"]}
SELECT_BUTTON = button(r"-*\s*select (a |an )?(command|action)\s*-*")
ADD_ISE = button(
    r"add ise servers?",
    r"add (an )?ise( server)?.{0,15}",
    r"add identity services? engine.{0,15}",
    r"add (server|new).{0,10}",
    r"add",
)
GO = button(r"go")
ISE_ADDRESS = label(
    r"(ise )?(server )?ip address",
    r"(ise )?(server )?(ip )?address",
    r"ise server|server|host( ?-?name)?( ?/ ?ip.*)?",
    r"ip",
    never=r"user|password|port|search|filter|secret|e-?mail",
    kinds=["text"],
)
ISE_PORT = label(r"(https |server |ise )*port( number)?", kinds=["text"], limit=6)
ISE_USER = label(r"user ?-?name", r"user( ?-?id)?", r"login( name)?", never=r"password", kinds=["text"])
ISE_PASSWORD = label(r"password", r".*password.*", never=r"confirm|re-?(enter|type)|verify|again|repeat")
ISE_PASSWORD_AGAIN = label(
    r"(confirm|re-?enter|re-?type|verify|repeat) (the )?password",
    r"(confirm|re-?enter|re-?type|verify|repeat).{0,20}",
    r"password \(?(again|confirm|confirmation|repeat)\)?",
)
SAVE = button(r"save( & close| and close| changes)?", r"submit|apply|ok|add|add server|add ise server|done")

# States. A cell that consists of such words is a status; text that merely holds them is weighed second.
PASSED = re.compile(
    r"^\W*(pass(ed)?|success(ful(ly)?)?|succeeded|ok(ay)?|ready|good|yes|true|done|complete[d]?|healthy|"
    r"reachable|up|available|met|valid|green|warn(ing)?|not applicable|n/a|skipped|[✓✔☑✅🟢])\W*$|^[✓✔☑✅🟢]",
    re.I,
)
FAILED = re.compile(
    r"^\W*(fail(ed|ure|s)?|not ?-?(ok|ready|met|reachable|available|running|passed|valid)|error|no|false|"
    r"unreachable|unavailable|"
    r"down|bad|critical|red|unsuccessful|invalid|insufficient|mismatch|[✗✘✖❌🔴×])\W*$|^[✗✘✖❌🔴]",
    re.I,
)
PENDING = re.compile(
    r"^\W*(pending|running|in ?-?progress|checking|waiting|not started|loading|"
    r"please wait|working|processing|queued|started|"
    r"…|\.\.\.|\d{1,2} ?%)\W*$",
    re.I,
)
SAYS_FAILED = re.compile(
    r"\bfail(ed|ure|s)?\b|\berror\b|\bnot (ready|ok|reachable|met|running|passed)\b|\bunreachable\b|\bunsuccessful",
    re.I,
)
SAYS_PASSED = re.compile(r"\bpass(ed)?\b|\bsuccess|\bready\b|\bok\b|\bsucceeded\b|\bcomplete", re.I)
SAYS_PENDING = re.compile(r"\bin ?-?progress\b|\bchecking\b|\bpending\b|\brunning\b(?! ok)|\bplease wait\b", re.I)
NO_FAILURE = re.compile(
    r"\b(no|0|zero|without) (errors?|failures?|failed)\b|\b(errors?|failures?|failed) ?[:=]? ?(0|none|no)\b",
    re.I,
)
TROUBLE = re.compile(
    r"\bfail(ed|ure|s)?\b|\berrors?\b|\bcould not\b|\bcannot\b|\bunable to\b|\brejected\b|\brefused\b|\baborted\b|"
    r"\balready exists?\b|\bduplicate\b|\binvalid\b|\bnot allowed\b|"
    r"\btimed out\b|\bdenied\b|\bmust be\b|\bis required\b|\bdo(es)? not match\b",
    re.I,
)
DOCUMENTED_CHECKS = (
    "cpu count",
    "disk iops",
    "ram size",
    "disk size",
    "server ping reachability",
    "os compat[ai]bility",
    "health monitor status",
    "network interface bandwidth",
    "firewall for database port",
    "database online status",
)
READINESS_CHECKS = re.compile(
    rf"\b({'|'.join(DOCUMENTED_CHECKS)}|software version|ping reachability|memory|database port|iops)\b", re.I
)

LOGIN_REFUSED = re.compile(
    r"\b(invalid|incorrect|wrong|bad|denied|fail(ed|ure)?|unauthori[sz]ed|not authori[sz]ed|locked|not recogni[sz]ed|"
    r"does not match|do not match|unsuccessful|try again)\b",
    re.I,
)
ABOUT_LOGIN = re.compile(r"\b(log ?-?in|user ?name|password|credential|authenticat|account)", re.I)
LOGIN_BLOCKED = re.compile(
    r"(session limit|(max(imum)?|too many|exceed\w*).{0,40}(sessions?|users|logins)|"
    r"sessions?.{0,40}(max(imum)?|exceed\w*|limit)|"
    r"maintenance|temporarily unavailable|service unavailable|starting up|is starting|"
    r"not (yet )?ready|being (upgraded|restarted)|"
    r"server is (down|busy)|try again later|initiali[sz]ing)",
    re.I,
)

DISMISS = (
    button(
        r"no,? thanks?( you)?",
        r"not now",
        r"(remind me |ask me |maybe )?later",
        r"dismiss",
        r"skip( for now)?",
        r"close( window| dialog| popup)?",
        r"[×✕✖x]",
        dialog=True,
        solid=True,
    ),
    button(r"ok(ay)?", r"got it!?", r"i understand|understood", r"done", dialog=True, solid=True),
)
YES = button(
    r"yes(,.{0,30})?",
    r"ok(ay)?",
    r"confirm",
    r"continue",
    r"proceed",
    r"register( now)?",
    r"accept",
    dialog=True,
    solid=True,
)
QUESTION_BUTTONS = re.compile(r"^(yes|no|cancel|continue|proceed|accept|decline|abort|register|confirm|agree)\b", re.I)
# Registering copies the primary's database over the secondary's, and a page may well say so. What speaks
# of anything more is another question.
ABOUT_REGISTERING = re.compile(
    r"\bregist(er|ers|ration|ering)\b|\b(configur|enabl|set)\w* (up )?(ha|high availability)\b|"
    r"\b(overwrit|overwrote|replicat)\w*\b.*\bsecondary\b|\bsecondary\b.*\b(overwrit|replicat)",
    re.I | re.S,
)
ABOUT_MORE = re.compile(
    r"\balready\b|\banother\b|\bother primary\b|\bnewer\b|\bfail ?-?(over|back)\b|\b(un|de)-?register|\bremov|\bforce|"
    r"\bcertificate|\bfingerprint|\btrust|\bmismatch|\bignor|\blicen[cs]e|\bupgrade|\breboot|\brestart|\bdowngrade",
    re.I,
)


BEFORE_DETAIL = re.compile(r"^([\w/]+(?: \w+)?)\s*(?:\s[-–—|]\s|[:(,;])")


def status_of(cells: list[str]) -> str:
    """``passed``, ``failed``, ``pending`` or ``unknown``: by a cell that says nothing else, else by mention.

    ``PASS - the monitor is running`` says ``PASS``: what stands before a dash or a colon weighs more than the rest.
    A name with nothing beside it is pending.
    """
    if len(cells) > 1 and all(map(BLANK.match, cells[1:])):
        return "pending"
    opening = [found.group(1) for cell in cells[1:] if (found := BEFORE_DETAIL.match(cell))]
    for said in (cells[1:], opening):
        for state, pattern in (("failed", FAILED), ("pending", PENDING), ("passed", PASSED)):
            if any(pattern.search(cell) for cell in said):
                return state
    rest = " ".join(cells[1:]) if len(cells) > 1 else cells[0]
    if SAYS_FAILED.search(NO_FAILURE.sub("", rest)):
        return "failed"
    if SAYS_PENDING.search(rest):
        return "pending"
    return "passed" if SAYS_PASSED.search(rest) else "unknown"
