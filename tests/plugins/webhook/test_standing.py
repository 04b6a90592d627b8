"""An alert says whether it is on, and CloudEvents come in every form that their specification allows."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust_plugins.webhook.messages import Unreadable, read
from retrust_plugins.webhook.settings import WebhookSettings
from retrust_plugins.webhook.standing import is_off

TEXT = "TOFU failed. Current certificate of the remote host is different from what was used earlier - CN=prime-sec"
OVER: dict[str, Any] = {
    "Alertmanager": {"status": "resolved", "labels": {"alertname": "Tofu"}},
    "Grafana": {"status": "resolved", "labels": {}, "values": {}, "orgId": 1},
    "Grafana, legacy": {"state": "ok", "ruleName": "tofu", "evalMatches": []},
    "PagerDuty": {"event": {"event_type": "incident.resolved", "data": {"status": "resolved"}}},
    "Opsgenie": {"action": "Close", "alert": {"message": "tofu"}},
    "Datadog": {"id": "1", "text": "x", "transition": "Recovered"},
    "Kibana": {"rule": {"name": "tofu"}, "alert": {"actionGroup": "recovered"}},
    "Zabbix": {"event_value": "0", "host": "prime-pri"},
    "Nagios": {"NOTIFICATIONTYPE": "RECOVERY", "SERVICESTATE": "OK"},
    "CloudWatch": {"AlarmName": "tofu", "NewStateValue": "OK", "OldStateValue": "ALARM"},
    "Azure Monitor": {"data": {"essentials": {"monitorCondition": "Resolved"}}},
}
ON: dict[str, Any] = {
    "Alertmanager": {"status": "firing", "labels": {}},
    "Grafana, legacy": {"state": "alerting"},
    "CloudWatch": {"NewStateValue": "ALARM", "OldStateValue": "OK"},
    "Opsgenie": {"action": "Create"},
    "Azure Monitor": {"data": {"essentials": {"monitorCondition": "Fired"}}},
    "PagerDuty": {"event": {"event_type": "incident.triggered"}},
    "Datadog": {"transition": "Triggered"},
}


@pytest.mark.parametrize("platform", OVER)
def test_what_is_over_is_no_failure(platform: str) -> None:
    """Resolved, recovered, closed and test messages are off, wherever the platform says so."""
    assert is_off(OVER[platform]) is True


@pytest.mark.parametrize("platform", ON)
def test_what_is_on_is_one(platform: str) -> None:
    """Firing, alerting and triggered alerts are on."""
    assert is_off(ON[platform]) is False


@pytest.mark.parametrize(
    "record",
    [
        {"status": "ok", "message": "x"},
        {"message": "resolved"},
        {},
        [],
        "x",
        None,
        {"http": {"status": 200}},
        {"level": "info", "status": "error"},
    ],
)
def test_a_log_record_says_nothing_of_it(record: Any) -> None:
    """A record that is no alert is not taken for one that is over."""
    assert is_off(record) is None


def door(**settings: Any) -> WebhookSettings:
    return WebhookSettings.model_validate({"token": "env:T", **settings})


MAP = {"items": "alerts", "text": "annotations.description", "holder": "labels.instance"}
JSON = {"content-type": "application/json"}


def alert(status: str) -> dict[str, Any]:
    return {"status": status, "labels": {"instance": "10.0.0.11:8082"}, "annotations": {"description": TEXT}}


def test_of_a_mixed_batch_the_firing_ones_count() -> None:
    """A group that holds both is taken for what is on; one without anything that is on is taken with nothing."""
    body = {"status": "firing", "alerts": [alert("resolved"), alert("firing"), alert("resolved")]}
    assert len(read(door(map=MAP), JSON, json.dumps(body).encode())) == 1
    for over in (
        {"status": "resolved", "alerts": [{"status": "resolved"}]},
        {"status": "resolved", "alerts": []},
        {"status": "resolved", "alerts": [{"labels": {}}]},
    ):
        assert read(door(map=MAP), JSON, json.dumps(over).encode()) == []


def test_a_map_that_finds_nothing_is_said() -> None:
    """A wrong path must not swallow alerts in silence."""
    with pytest.raises(Unreadable, match="nothing that `map` finds"):
        read(door(map={**MAP, "text": "annotations.nowhere"}), JSON, json.dumps({"alerts": [alert("firing")]}).encode())


def test_a_field_of_the_sites_own() -> None:
    """``map.state`` names the field, ``map.off`` the values that end an alert."""
    settings = door(map={"text": "t", "state": "phase", "off": ["vorbei"]})
    assert read(settings, JSON, json.dumps({"t": TEXT, "phase": "Vorbei"}).encode()) == []
    assert len(read(settings, JSON, json.dumps({"t": TEXT, "phase": "an", "status": "resolved"}).encode())) == 1


EVENT = {"specversion": "1.0", "id": "7", "source": "/logs", "type": "retrust.log.signature"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BINARY = {f"ce-{name}": value for name, value in EVENT.items()}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (STRUCTURED, json.dumps({**EVENT, "data": TEXT}).encode()),
        (STRUCTURED, json.dumps({**EVENT, "data": {"text": TEXT}}).encode()),
        (
            STRUCTURED,
            json.dumps(
                {**EVENT, "data_base64": base64.b64encode(TEXT.encode()).decode(), "datacontenttype": "text/plain"}
            ).encode(),
        ),
        (
            STRUCTURED,
            json.dumps(
                {
                    **EVENT,
                    "data_base64": base64.b64encode(json.dumps({"text": TEXT}).encode()).decode(),
                    "datacontenttype": "application/json",
                }
            ).encode(),
        ),
        (
            {"content-type": "application/cloudevents+json; charset=utf-16"},
            json.dumps({**EVENT, "data": TEXT}).encode("utf-16"),
        ),
        (
            {"content-type": 'Application/CloudEvents+JSON; charset="UTF-8"'},
            b"\xef\xbb\xbf" + json.dumps({**EVENT, "data": TEXT}).encode(),
        ),
        ({**BINARY, "content-type": "text/plain; charset=iso-8859-1"}, TEXT.encode("latin-1")),
        ({**BINARY, "content-type": "application/vnd.example+json"}, json.dumps({"text": TEXT}).encode()),
        ({"content-type": "application/cloudevents-batch+json"}, json.dumps([{**EVENT, "data": TEXT}]).encode()),
    ],
)
def test_every_form_of_a_cloud_event(headers: dict[str, str], body: bytes) -> None:
    """Structured, binary and batched; data as text, JSON or Base64; any charset."""
    (message,) = read(door(), headers, body)
    assert message.text == TEXT


def test_header_values_are_decoded() -> None:
    """Binary mode writes what is no ASCII in percents; the id is the same as in structured mode."""
    binary = read(door(), {**BINARY, "ce-source": "/l%C3%B6gs%20x", "content-type": "text/plain"}, TEXT.encode())
    structured = read(door(), STRUCTURED, json.dumps({**EVENT, "source": "/lögs x", "data": TEXT}).encode())
    assert binary[0].id == structured[0].id


@pytest.mark.parametrize("version", ["0.3", "1.1", "2.0", ""])
def test_another_version_is_refused(version: str) -> None:
    """A specversion that is not 1.0 is not guessed at."""
    with pytest.raises(Unreadable, match="specversion"):
        read(door(), STRUCTURED, json.dumps({**EVENT, "specversion": version, "data": TEXT}).encode())


def test_an_empty_batch_is_taken() -> None:
    """With nothing in it, and without an error."""
    assert read(door(), {"content-type": "application/cloudevents-batch+json"}, b"[]") == []


@given(st.binary(max_size=200), st.sampled_from([JSON, STRUCTURED, BINARY, {"content-type": "text/plain; charset=x"}]))
def test_any_body_is_read_or_unreadable(body: bytes, headers: dict[str, str]) -> None:
    """Nothing else is raised, whatever comes in."""
    with contextlib.suppress(Unreadable):
        read(door(map=MAP), headers, body)
