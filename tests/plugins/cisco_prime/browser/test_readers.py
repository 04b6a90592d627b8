"""What the readers take for a value, on pages of many layouts: a cell's own text, or nothing yet.

One browser shows all the sheets of a test, one after the other; no server is needed.
"""

from __future__ import annotations

import itertools
import random
from html import escape

import pytest

from kit.counts import THOROUGH
from retrust_plugins.cisco_prime.browser.ha import HaPages
from retrust_plugins.cisco_prime.browser.ise import IseServers
from retrust_plugins.cisco_prime.browser.milestones import Following
from retrust_plugins.cisco_prime.browser.readiness import Readiness

pytestmark = pytest.mark.browser

Pair = tuple[str, str]
LABELS = ("Configuration Mode", "Failover Type", "Role", "Secondary Server", "Primary Server", "State", "Last Failover")
VALUES = ("Primary Active", "Manual", "Primary", "10.0.0.12", "prime-pri", "HA Not Configured", "", "", "")

# Layouts of label and value. Each knows one way in which pages are written, and none knows the reader.


def _joined(form: str, pairs: list[Pair]) -> str:
    return "".join(form.format(label=escape(label), value=escape(value), n=n) for n, (label, value) in enumerate(pairs))


def _beside(pairs: list[Pair]) -> str:
    """Two pairs in each row."""
    cells = [f"<td>{escape(label)}</td><td>{escape(value)}</td>" for label, value in pairs]
    rows = ["".join(cells[at : at + 2]) for at in range(0, len(cells), 2)]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _columns(pairs: list[Pair], split: bool = False) -> str:
    head, body = (_joined(form, pairs) for form in ("<th>{label}</th>", "<td>{value}</td>"))
    between = "</table><table>" if split else ""
    style = "<style>th,td{width:130px;height:20px}</style>"
    return f"{style}<table><thead><tr>{head}</tr></thead>{between}<tbody><tr>{body}</tr></tbody></table>"


def _flat(pairs: list[Pair]) -> str:
    return (
        "<div style='display:grid;grid-template-columns:200px 200px'>"
        + _joined("<span>{label}</span><span>{value}</span>", pairs)
        + "</div>"
    )


LAYOUTS = {
    "table": lambda p: f"<table>{_joined('<tr><td>{label}</td><td>{value}</td></tr>', p)}</table>",
    "table with colons": lambda p: f"<table>{_joined('<tr><td>{label}:</td><td><b>{value}</b></td></tr>', p)}</table>",
    "heads of rows": lambda p: f"<table>{_joined('<tr><th>{label}</th><td>{value}</td></tr>', p)}</table>",
    "a colon's own cell": lambda p: (
        f"<table>{_joined('<tr><td>{label}</td><td>:</td><td>{value}</td></tr>', p)}</table>"
    ),
    "two pairs in a row": _beside,
    "columns": _columns,
    "columns, heads in another table": lambda p: _columns(p, split=True),
    "list of definitions": lambda p: f"<dl>{_joined('<dt>{label}</dt><dd>{value}</dd>', p)}</dl>",
    "definitions in boxes": lambda p: f"<dl>{_joined('<div><dt>{label}:</dt><dd>{value}</dd></div>', p)}</dl>",
    "boxes": lambda p: _joined("<div><div>{label}</div><div>{value}</div></div>", p),
    "boxes, the value within": lambda p: _joined("<div><p>{label}: <b>{value}</b></p></div>", p),
    "text after a label": lambda p: _joined("<p><b>{label}:</b> {value}</p>", p),
    "flat grid": _flat,
    "grid of rows": lambda p: (
        "<div role=grid>"
        + _joined("<div role=row><span role=rowheader>{label}</span> <span role=gridcell>{value}</span></div>", p)
        + "</div>"
    ),
    "list": lambda p: f"<ul>{_joined('<li><span>{label}</span> <span>{value}</span></li>', p)}</ul>",
    "text boxes": lambda p: _joined(
        "<div><label for=i{n}>{label}</label> <input id=i{n} readonly value='{value}'></div>", p
    ),
    "text boxes within": lambda p: _joined("<p><label>{label} <input readonly value='{value}'></label></p>", p),
    "choices": lambda p: (
        f"<table>{_joined('<tr><td>{label}</td><td><select><option>{value}</select></td></tr>', p)}</table>"
    ),
    "labelled from afar": lambda p: (
        "<div>"
        + _joined("<div id=l{n}>{label}</div>", p)
        + "</div><div>"
        + _joined("<div aria-labelledby=l{n}>{value}</div>", p)
        + "</div>"
    ),
    "described from afar": lambda p: (
        "<div>"
        + _joined("<div aria-describedby=v{n}>{label}</div>", p)
        + "</div><div>"
        + _joined("<div id=v{n}>{value}</div>", p)
        + "</div>"
    ),
    "values that a script has still to add": lambda p: "".join(
        f"<div class=item><div>{escape(label)}</div>{f'<div>{escape(value)}</div>' if value else ''}</div>"
        for label, value in p
    ),
}


async def test_a_label_has_its_own_value_or_none(sheet):
    """For any layout, order and emptiness of pairs, a label gives its own value, or nothing while it has none."""
    chance, wrong = random.Random(10), []
    for layout, draw in LAYOUTS.items():
        for _ in range(12 if THOROUGH else 3):
            labels = chance.sample(LABELS, chance.randint(2, len(LABELS)))
            pairs = [(label, chance.choice(VALUES)) for label in labels]
            await sheet.show(draw(pairs))
            for label, value in pairs:
                got = [v for v in await sheet.view.values(label) if v]
                if got != ([value] if value else []):
                    wrong.append(f"{layout}: {label!r} gave {got} for {pairs}")
    assert not wrong, "\n".join(wrong[:40])


NOTHING_YET = ("", "-", "N/A", "Loading…", "Please wait", "…", "...", "—", "Retrieving data...", "Please wait (3 s)")


async def test_a_mode_that_is_not_there_yet(sheet):
    """A dash, a dot or a word of waiting is not a mode; the cell behind it is not either."""
    pages = HaPages(sheet.session)
    for said in NOTHING_YET:
        await sheet.show(f"<table><tr><td>Configuration Mode</td><td>{said}</td><td></td></tr></table>")
        assert await pages.shown_mode() is None, said


async def test_a_milestone_has_its_own_percent_or_none(sheet):
    """A milestone without a number does not take its neighbour's, nor one of the whole."""
    names = ("Pre-HA Registration", "Database Replication", "Post HA Registration")
    layouts = {
        "rows": ("<table>", "<tr><td>{n}</td><td>{p}</td></tr>", "<tr><td>Overall</td><td>77%</td></tr></table>"),
        "boxes": ("<div>", "<div><span>{n}</span> <span>{p}</span></div>", "<div><span>Overall</span> 77%</div></div>"),
        "definitions": ("<dl>", "<dt>{n}</dt><dd>{p}</dd>", "<dt>Overall</dt><dd>77%</dd></dl>"),
        "flat": ("<div>", "<p>{n}</p><div>{p}</div>", "<p>Overall</p><div>77%</div></div>"),
    }
    bar = "<div role=progressbar aria-valuenow={} style='width:90px;height:9px'></div>"
    wrong = []
    for layout, drawn in itertools.product(layouts, (False, True)):
        before, form, after = layouts[layout]
        for percents in itertools.product((None, 40), (None, 100), (None, 0)):
            shown = [("" if p is None else bar.format(p) if drawn else f"{p}%") for p in percents]
            rows = "".join(form.format(n=n, p=p) for n, p in zip(names, shown, strict=True))
            await sheet.show(before + rows + after)
            found = await Following(sheet.session, HaPages(sheet.session)).shown()
            got = tuple(found.get(name, {}).get("percent") for name in names)
            if got != percents:
                wrong.append(f"{layout}{' drawn' if drawn else ''}: {got} for {percents}")
    assert not wrong, "\n".join(wrong)


CHECKS = ("CPU COUNT", "DISK IOPS", "HEALTH MONITOR STATUS")
NOTE = "If this has failed, see the guide"


async def test_a_check_without_its_own_state_is_pending(sheet):
    """An empty state is neither passed nor failed, whatever stands in other rows and columns."""
    layouts = {
        "plain": ("<table>", "<tr><td>{n}</td><td>{s}</td></tr>", "</table>"),
        "noted": (
            "<table><tr><th>Check</th><th>Status</th><th>Note</th></tr>",
            f"<tr><td>{{n}}</td><td>{{s}}</td><td>{NOTE}</td></tr>",
            "</table>",
        ),
        "detailed": ("<table>", "<tr><td>{n}</td><td>2 found, 2 wanted</td><td>{s}</td></tr>", "</table>"),
        "boxes": ("<div>", "<div><div>{n}</div><div>{s}</div></div>", "</div>"),
        "definitions": ("<dl>", "<dt>{n}</dt><dd>{s}</dd>", "</dl>"),
        "grid": (
            "<div role=grid>",
            "<div role=row><div role=gridcell>{n}</div><div role=gridcell>{s}</div></div>",
            "</div>",
        ),
        "split": (
            "<table><tr><th>Name</th><th>Result</th></tr></table><table>",
            "<tr><td>{n}</td><td>{s}</td></tr>",
            "</table>",
        ),
    }
    means, wrong = {"Pass": "passed", "Failed": "failed", "": "pending", "-": "pending"}, []
    for layout, (before, form, after) in layouts.items():
        for states in itertools.product(("Pass", "Failed", ""), ("Pass", ""), ("Pass", "-")):
            await sheet.show(
                before + "".join(form.format(n=n, s=s) for n, s in zip(CHECKS, states, strict=True)) + after
            )
            rows = await Readiness(sheet.session)._results()
            got = {check.name: check.state for check in rows}
            if got != {name: means[state] for name, state in zip(CHECKS, states, strict=True)}:
                wrong.append(f"{layout}: {got} for {states}")
    assert not wrong, "\n".join(wrong)


async def test_a_server_has_its_own_status_or_none(sheet):
    """By the column's title; an empty cell is no status, and 10.0.0.2 is not 10.0.0.21."""
    wrong = []
    layouts = {
        "table": (
            "<table><tr><th></th><th>Server</th><th>Port</th><th>Status</th><th>Remark</th></tr>",
            "<tr><td></td><td>{h}</td><td>443</td><td>{s}</td><td>was unreachable before</td></tr>",
            "</table>",
        ),
        "ports": (
            "<table><tr><td>IP Address</td><td>Reachability</td></tr>",
            "<tr><td>{h}:443</td><td>{s}</td></tr>",
            "</table>",
        ),
        "split": (
            "<table><tr><th>Server</th><th>Status</th></tr></table><table>",
            "<tr><td>{h}</td><td>{s}</td></tr>",
            "</table>",
        ),
        "grid": (
            "<div role=grid><div role=row><b role=columnheader>Address</b><b role=columnheader>State</b></div>",
            "<div role=row><span role=gridcell>{h}</span><span role=gridcell>{s}</span></div>",
            "</div>",
        ),
        "cards": ("<div>", "<div><h4>{h}</h4><p>Status: {s}</p></div>", "</div>"),
        "paired cards": (
            "<div>",
            "<div><h4>{h}</h4><dl><dt>Status</dt><dd>{s}</dd><dt>Port</dt><dd>443</dd></dl></div>",
            "</div>",
        ),
    }
    names = (("10.0.0.21", "10.0.0.2"), ("ise-11.lab", "ise-1"))
    for layout, (before, form, after) in layouts.items():
        for states in itertools.product(("Reachable", "Unreachable", "", "Loading..."), ("Reachable", "", "-")):
            for hosts, order in itertools.product(names, ((0, 1), (1, 0))):
                await sheet.show(before + "".join(form.format(h=hosts[i], s=states[i]) for i in order) + after)
                for host, state in zip(hosts, states, strict=True):
                    found = await IseServers(sheet.session)._look(host)
                    want = [state if state in ("Reachable", "Unreachable") else None]
                    if [relation.status for relation in found] != want:
                        wrong.append(f"{layout}: {host} {[r.status for r in found]} for {states} in order {order}")
    assert not wrong, "\n".join(wrong[:40])
