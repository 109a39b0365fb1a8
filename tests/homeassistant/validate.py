#!/usr/bin/env python3
"""Puts the golden messages through Home Assistant's own code.

    python3.13 -m venv venv && venv/bin/pip install homeassistant paho-mqtt
    venv/bin/python tests/homeassistant/validate.py

Each message beside this file is parsed as the MQTT integration parses it: the topic against its
pattern, the payload against the schema of device-based discovery, then each component, with what it
inherits from the root, against the discovery schema of its platform. Options that the platform would
drop silently are reported. Then the templates are rendered by its template engine on the payloads below.
"""

import asyncio
import importlib
import json
import pathlib
import sys
import tempfile

from homeassistant.components.mqtt import abbreviations, discovery, models
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant, valid_entity_id
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import frame

FOLDER = pathlib.Path(__file__).parent
# Newer than some releases that are validated against: those drop it.
MAY_BE_DROPPED = {"default_entity_id"} if "default_entity_id" not in abbreviations.ABBREVIATIONS.values() else set()

EVENT = {"type": "new", "before": None, "after": {"id": "1.5-abc", "camera": "front-door", "label": "person",
         "sub_label": None, "score": 0.8, "current_zones": ["steps"], "stationary": False}}
STATS = {"cameras": {"front-door": {"fps_processed": 4.98}}, "machine": {"temperature_c": 48.7}}
CLASS = {"label": "Erithacus rubecula", "score": 0.9, "top": [{"label": "Erithacus rubecula", "score": 0.9}]}
SEEN = {**EVENT["after"], "event_type": "new"}

# File, component, option, payload, what Home Assistant makes of it (JSON is compared parsed).
RENDERED = [
    ("detector", "occupancy.person", "value_template", "0", "OFF"),
    ("detector", "occupancy.person", "value_template", "2", "ON"),
    ("detector", "occupancy.person", "value_template", "", "OFF"),
    ("detector", "events", "value_template", json.dumps(EVENT), SEEN),
    ("detector", "events", "value_template", json.dumps({**EVENT, "after": {**EVENT["after"], "camera": "yard"}}), ""),
    ("detector", "fps", "value_template", json.dumps(STATS), "4.98"),
    ("detector", "fps", "value_template", json.dumps({**STATS, "cameras": {}}), "None"),
    ("detector", "temperature", "value_template", json.dumps(STATS), "48.7"),
    ("detector", "temperature", "value_template", json.dumps({"machine": {"temperature_c": None}}), "None"),
    ("classifier", "classification", "value_template", json.dumps(CLASS), "Erithacus rubecula"),
    ("classifier", "classification", "value_template", json.dumps({**CLASS, "label": "x" * 300}), "x" * 255),
    ("classifier", "classification", "value_template", "", "None"),
    ("classifier", "classification", "json_attributes_template", json.dumps(CLASS), CLASS),
    ("classifier", "classification", "json_attributes_template", "", {}),
] + [("detector", "", "value_template", status, expected)
     for status, expected in [("online", "online"), ("offline", "offline"), ("disabled", "online")]]


def validate(name: str) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    topic = golden["topic"].removeprefix("homeassistant/")
    match = discovery.TOPIC_MATCHER.match(topic)
    assert match and match.group("component") == "device", topic
    payload = golden["payload"]
    DEVICE_DISCOVERY_SCHEMA(json.loads(json.dumps(payload)))
    for key, component in payload["components"].items():
        component = dict(component)
        platform = component.pop("platform")
        if not component:
            continue
        for option in discovery.SHARED_OPTIONS:
            if option in payload and option not in component:
                component[option] = payload[option]
        module = importlib.import_module(f"homeassistant.components.mqtt.{platform}")
        valid = module.DISCOVERY_SCHEMA({**component, "device": payload["device"], "origin": payload["origin"]})
        dropped = component.keys() - valid.keys() - MAY_BE_DROPPED
        assert not dropped, f"{name}: {key}: {platform} drops {dropped}"
        assert valid_entity_id(component["default_entity_id"]), component["default_entity_id"]
        assert component["default_entity_id"].startswith(platform + ".")
    print(f"{name}: {len(payload['components'])} components are valid")


def render() -> None:
    for name, key, option, payload, expected in RENDERED:
        message = json.loads((FOLDER / f"{name}.json").read_text())["payload"]
        options = message["components"][key] if key else message["availability"][1]
        template = cv.template(options[option])
        said = models.MqttValueTemplate(template).async_render_with_possible_json_value(payload)
        if isinstance(expected, dict):
            said = json.loads(said)
        assert said == expected, f"{name}: {key}: {payload}: {said!r}, not {expected!r}"
    print(f"{len(RENDERED)} templates rendered as expected")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        hass = HomeAssistant(folder)
        frame.async_setup(hass)
        for golden in sorted(FOLDER.glob("*.json")):
            validate(golden.stem)
        render()
        await hass.async_stop(force=True)


if __name__ == "__main__":
    print(f"Home Assistant {__version__}, Python {sys.version.split()[0]}")
    asyncio.run(main())
