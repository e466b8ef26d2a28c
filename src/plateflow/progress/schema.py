"""The JSON Schema of the three messages, generated from their types; ``make schema`` writes it into docs/."""

from __future__ import annotations

from typing import Any

import msgspec

from plateflow.progress.messages import Message
from plateflow.progress.update import LEGAL_STATUSES, STEP_PHASES, WHOLE_PLATE_PHASES, ProgressStatus


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of one line.

    It adds to the types what JSON Schema can say of the rules across fields; ``percent``, ``completed <= total`` and
    ``step_index < total_steps`` are arithmetic, which it cannot.
    """
    schema = msgspec.json.schema(Message)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "plateflow messages: one JSON object a line"
    definitions = schema["$defs"]
    for definition in definitions.values():
        definition["description"] = definition.get("description", "").partition("\n")[0]
    definitions["ProgressUpdate"]["allOf"] = [*_legal_pairs(), *_addresses(), *_errors()]
    no_reason, no_topology = {"properties": {"reason": False}}, {"properties": {"topology": False}}
    definitions["ExecutionMessage"]["allOf"] = [
        _when("state", ["failed"], {"required": ["reason"]}),
        _when("state", ["failed", "cancelled", "interrupted"], {}, otherwise=no_reason),
        _when("state", ["running"], {}, otherwise=no_topology),
    ]
    definitions["WorkerMessage"]["allOf"] = [
        _when("state", ["died"], {"required": ["signal"]}, otherwise={"properties": {"signal": False}})
    ]
    return schema


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return msgspec.json.format(msgspec.json.encode(json_schema(), order="deterministic"), indent=1).decode() + "\n"


def _when(
    field: str, values: list[str], then: dict[str, Any], otherwise: dict[str, Any] | None = None
) -> dict[str, Any]:
    condition = {"if": {"properties": {field: {"enum": values}}}, "then": then}
    return condition if otherwise is None else {**condition, "else": otherwise}


def _legal_pairs() -> list[dict[str, Any]]:
    return [
        _when("phase", [phase.value], {"properties": {"status": {"enum": sorted(statuses)}}})
        for phase, statuses in LEGAL_STATUSES.items()
        if statuses != frozenset(ProgressStatus)
    ]


def _addresses() -> list[dict[str, Any]]:
    non_empty = {"minLength": 1}
    return [
        _when("phase", sorted(STEP_PHASES), {"properties": {"step_name": non_empty, "total_steps": {"minimum": 1}}}),
        _when("phase", sorted(WHOLE_PLATE_PHASES), {}, otherwise={"properties": {"axis_id": non_empty}}),
        _when("phase", ["init"], {"properties": {"total_steps": {"const": 0}, "step_name": {"const": ""}}}),
        _when(
            "step_name",
            [""],
            {"properties": {"step_index": {"const": 0}}},
            otherwise={"properties": {"total_steps": {"minimum": 1}}},
        ),
    ]


def _errors() -> list[dict[str, Any]]:
    absent = {"properties": {"error": False, "traceback": False}}
    return [_when("status", ["error"], {"required": ["error"]}, otherwise=absent)]
