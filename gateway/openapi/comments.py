"""Owns what the protos' comments say: only a descriptor set with source info has them, the generated code has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

# Numbers of fields in descriptor.proto, which a path is made of.
MESSAGES, SERVICES, FIELDS, NESTED, METHODS = 4, 6, 2, 3, 2
Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comments:
    """The comment of each message, field, service and method by its full name."""

    texts: Mapping[str, str]

    @classmethod
    def of(cls, descriptor_set: bytes) -> Comments:
        """Those of a serialized FileDescriptorSet."""
        files = FileDescriptorSet.FromString(descriptor_set).file
        return cls({name: text for file in files for name, text in _comments(file)})

    def __getitem__(self, full_name: str) -> str:
        """The comment in one line, empty where there is none."""
        return self.texts.get(full_name, "")


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    names = dict(_named(file))
    for location in file.source_code_info.location:
        name = names.get(tuple(location.path))
        if name and location.leading_comments:
            yield name, " ".join(location.leading_comments.split())


def _named(file: FileDescriptorProto) -> Iterator[tuple[Path, str]]:
    yield from _messages(file.message_type, (MESSAGES,), file.package)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (SERVICES, index), name
        for number, method in enumerate(service.method):
            yield (SERVICES, index, METHODS, number), f"{name}.{method.name}"


def _messages(messages: Sequence[DescriptorProto], path: Path, scope: str) -> Iterator[tuple[Path, str]]:
    for index, message in enumerate(messages):
        here, name = (*path, index), f"{scope}.{message.name}"
        yield here, name
        for number, field in enumerate(message.field):
            yield (*here, FIELDS, number), f"{name}.{field.name}"
        yield from _messages(message.nested_type, (*here, NESTED), name)
