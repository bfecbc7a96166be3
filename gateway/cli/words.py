"""Owns the command line's words for channels and for the states of messages: `email`, `failed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carillon.delivery.v1.delivery_pb2 import MessageState
from carillon.segments.v1.segments_pb2 import Channel

CHANNELS: Mapping[str, Any] = {
    name.removeprefix("CHANNEL_").lower(): number for name, number in Channel.items() if number
}
STATES: Mapping[str, Any] = {
    name.removeprefix("MESSAGE_STATE_").lower(): number for name, number in MessageState.items() if number
}


def channel_word(channel: int) -> str:
    """`email` for CHANNEL_EMAIL."""
    return Channel.Name(channel).removeprefix("CHANNEL_").lower()  # type: ignore[arg-type]


def state_word(state: int) -> str:
    """`failed` for MESSAGE_STATE_FAILED."""
    return MessageState.Name(state).removeprefix("MESSAGE_STATE_").lower()  # type: ignore[arg-type]
