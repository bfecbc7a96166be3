"""Owns a message's JSON Schema (2020-12), as it is sent and as it is answered: the two differ.

Sent: unknown members are refused, null is "not given", and what is only answered is accepted. Answered: everything
without presence is always there, and nothing is null but where a field says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carillon.dialects.v1.answers_pb2 import shown_as
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.openapi.comments import Comments

Schema = dict[str, Any]

INT32: Schema = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
INT64: Schema = {"type": "string", "format": "int64"}
SCALARS: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "uint32", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.TYPE_INT64: INT64,
    FieldDescriptor.TYPE_UINT64: INT64,
}
WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d{1,12}(\.\d{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.api.HttpBody": {"type": "string"},
}


class Schemas:
    """The messages that a document refers to; `components` grows as they are asked for."""

    def __init__(self, comments: Comments) -> None:
        self.components: dict[str, Schema] = {}
        self._comments = comments

    def answered(self, message: Descriptor) -> Schema:
        """What an answer is."""
        return self._message(message, sent=False)

    def sent(self, message: Descriptor, *, without: frozenset[str] = frozenset(), patched: bool = False) -> Schema:
        """What a body is; `without` the fields that the path gives; of a patch, no field is needed."""
        return self._message(message, sent=True, without=without, patched=patched)

    def parameter(self, field: FieldDescriptor) -> Schema:
        """What a path or query parameter is."""
        return self._value(field, sent=True)

    def _message(
        self, message: Descriptor, *, sent: bool, without: frozenset[str] = frozenset(), patched: bool = False
    ) -> Schema:
        if message.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[message.full_name])
        name = message.name + ("Sent" if sent else "")
        if name not in self.components:
            self.components[name] = {}  # a message may hold itself
            fields = [field for field in message.fields if field.name not in without]
            self.components[name] = self._object(message, fields, sent=sent, patched=patched)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, message: Descriptor, fields: list[FieldDescriptor], *, sent: bool, patched: bool) -> Schema:
        needed = [field.json_name for field in fields if (is_required(field) if sent else not field.has_presence)]
        schema: Schema = {
            "type": "object",
            "description": self._comments[message.full_name],
            "properties": {field.json_name: self._property(field, sent=sent) for field in fields},
            "additionalProperties": False,
        }
        return schema | ({"required": needed} if needed and not patched else {})

    def _property(self, field: FieldDescriptor, *, sent: bool) -> Schema:
        schema = self._value(field, sent=sent)
        if field.is_repeated and not _is_map(field):
            schema = {"type": "array", "items": schema}
        if sent and schema and not is_required(field):
            schema = {"anyOf": [schema, {"type": "null"}]}
        return schema | {"description": self._comments[field.full_name]}

    def _value(self, field: FieldDescriptor, *, sent: bool) -> Schema:
        if _is_map(field):
            return {"type": "object", "additionalProperties": self._value(_map_value(field), sent=sent)}
        shown: str = field.GetOptions().Extensions[shown_as]  # type: ignore[index]
        if shown:
            message: Descriptor = descriptor_pool.Default().FindMessageTypeByName(shown)
            return {"anyOf": [self._message(message, sent=sent), {"type": "null"}]}
        if field.message_type is not None:
            return self._message(field.message_type, sent=sent)
        if field.enum_type is not None:
            return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        return dict(SCALARS[field.type])


def is_required(field: FieldDescriptor) -> bool:
    """Whether a caller must send it."""
    behaviors = list(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
    return field_behavior_pb2.FieldBehavior.REQUIRED in behaviors


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _map_value(field: FieldDescriptor) -> FieldDescriptor:
    assert field.message_type is not None
    value: FieldDescriptor = field.message_type.fields_by_name["value"]
    return value
