"""Owns comparing a JSON value with a message's descriptor: every member known, once, and of its type.

Never knows a message by name. The transcoder behind the door would let most of this through in silence, and in this
field a mistyped key must never become "send to everybody".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.door.json_text import Json, child
from gateway.door.known_types import SCALARS, WELL_KNOWN
from gateway.refusal import Refusal, invalid


@dataclass(frozen=True, slots=True)
class Shape:
    """What a message may have, by the names that are accepted."""

    fields: Mapping[str, FieldDescriptor]
    required: tuple[FieldDescriptor, ...]


@functools.cache
def shape_of(message: Descriptor, *, json_names_only: bool) -> Shape:
    """The fields under their JSON names, and under their proto names where those are accepted too."""
    fields = {field.json_name: field for field in message.fields}
    if not json_names_only:
        fields |= {field.name: field for field in message.fields}
    behaviors = field_behavior_pb2.FieldBehavior.REQUIRED
    required = (
        field
        for field in message.fields
        if behaviors in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    )
    return Shape(fields=fields, required=tuple(required))


@dataclass(frozen=True, slots=True)
class Checker:
    """Compares by one API's spelling."""

    json_names_only: bool

    def check(
        self,
        value: Json,
        message: Descriptor,
        *,
        path: str,
        bound: frozenset[str] = frozenset(),
        optional: frozenset[str] = frozenset(),
    ) -> None:
        """Raise Refusal unless `value` is the message.

        The fields in `bound` come from elsewhere, never from here; those in `optional` are not needed here.
        """
        if message.full_name in WELL_KNOWN:
            fits, wanted = WELL_KNOWN[message.full_name]
            if not fits(value):
                raise _mistyped(path, wanted)
            return
        if not isinstance(value, dict):
            raise _mistyped(path, "an object")
        shape = shape_of(message, json_names_only=self.json_names_only)
        given: dict[str, str] = {}
        for name, member in value.items():
            field = shape.fields.get(name)
            if field is None or field.name in bound:
                raise invalid("FIELD_UNKNOWN", "There is no such field.", field=child(path, name))
            if field.name in given:
                raise invalid("FIELD_REPEATED", "This field is given twice.", field=child(path, name))
            given[field.name] = name
            if member is not None:  # null is "not given"
                self._check_field(member, field, path=child(path, name))
        self._check_required(value, shape, given, path=path, bound=bound | optional)
        self._check_choices(value, message, given, path=path)

    def _check_field(self, value: Json, field: FieldDescriptor, *, path: str) -> None:
        if not field.is_repeated:
            self._check_one(value, field, path=path)
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            if not isinstance(value, dict):
                raise _mistyped(path, "an object")
            for name, member in value.items():
                self._check_one(member, field.message_type.fields_by_name["value"], path=child(path, name))
        elif isinstance(value, list):
            for index, member in enumerate(value):
                self._check_one(member, field, path=f"{path}[{index}]")
        else:
            raise _mistyped(path, "a list")

    def _check_one(self, value: Json, field: FieldDescriptor, *, path: str) -> None:
        if field.message_type is not None:
            self.check(value, field.message_type, path=path)
        elif field.enum_type is not None:
            if not isinstance(value, str) or value not in field.enum_type.values_by_name:
                raise _mistyped(path, "one of " + ", ".join(item.name for item in field.enum_type.values[1:]))
        else:
            fits, wanted = SCALARS[field.type]
            if not fits(value):
                raise _mistyped(path, wanted)

    def _check_required(
        self, value: Mapping[str, Json], shape: Shape, given: Mapping[str, str], *, path: str, bound: frozenset[str]
    ) -> None:
        for field in shape.required:
            if field.name not in bound and value.get(given.get(field.name, "")) is None:
                name = field.json_name if self.json_names_only else field.name
                raise invalid("FIELD_REQUIRED", "This field is needed.", field=child(path, name))

    def _check_choices(
        self, value: Mapping[str, Json], message: Descriptor, given: Mapping[str, str], *, path: str
    ) -> None:
        for choice in message.oneofs:
            chosen = [given[field.name] for field in choice.fields if value.get(given.get(field.name, "")) is not None]
            if len(chosen) > 1:
                raise invalid(
                    "FIELDS_EXCLUSIVE", f"Give only one of {', '.join(chosen)}.", field=child(path, chosen[1])
                )


def _mistyped(path: str, wanted: str) -> Refusal:
    return invalid("FIELD_MISTYPED", f"This must be {wanted}." if path else f"The body must be {wanted}.", field=path)
