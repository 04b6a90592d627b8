"""The guide's maps read what the log platforms post."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from retrust.logs.records import time_of
from retrust_plugins.webhook.messages import read
from retrust_plugins.webhook.settings import WebhookSettings

POSTED: dict[str, Any] = {
    "splunk": {
        "sid": "scheduler_1",
        "search_name": "TOFU",
        "result": {"_raw": "TOFU failed.", "_time": "1741944413.589", "host": "10.0.0.1"},
    },
    "graylog": {
        "event_definition_id": "5",
        "event": {"id": "E1", "message": "TOFU"},
        "backlog": [
            {
                "id": "m1",
                "message": "TOFU failed.",
                "source": "10.0.0.1",
                "timestamp": "2025-03-14T09:26:53.589Z",
                "fields": {},
            }
        ],
    },
    "elastic": {
        "hits": {
            "total": 1,
            "hits": [
                {
                    "_id": "m1",
                    "_source": {
                        "message": "TOFU failed.",
                        "@timestamp": "2025-03-14T09:26:53.589Z",
                        "host": {"ip": "10.0.0.1"},
                    },
                }
            ],
        }
    },
    "alertmanager": {
        "version": "4",
        "status": "firing",
        "alerts": [
            {"labels": {"instance": "10.0.0.1"}, "annotations": {"description": "TOFU failed."}, "fingerprint": "ab"}
        ],
    },
    "datadog": {"id": "m1", "text": "TOFU failed.", "host": "10.0.0.1"},
}


@pytest.mark.parametrize("platform", sorted(POSTED))
def test_a_platforms_json_is_read_by_the_guides_map(platform: str, guide: Callable[[str], list[str]]) -> None:
    """Text and sender are found where the platform has them; an id only where it is one line's own."""
    [told] = guide(f"map: {platform}")
    settings = WebhookSettings.model_validate({"token": "env:T", "map": yaml.safe_load(told)})
    (message,) = read(settings, {"content-type": "application/json"}, json.dumps(POSTED[platform]).encode())
    assert (message.text, message.holder) == ("TOFU failed.", "10.0.0.1")
    at = datetime(2025, 3, 14, 9, 26, 53, 589000, UTC) if platform in ("splunk", "graylog", "elastic") else None
    assert time_of(message.time) == at
    assert (message.id is not None) == (platform in ("graylog", "elastic", "datadog"))
