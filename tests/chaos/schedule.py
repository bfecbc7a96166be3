"""Owns the seeded schedule: which faults come in which order, where, and for how long. Never carries one out.

The same seed and plan give the same schedule; how far a campaign has come when a fault hits is the machine's affair.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Delivery is where a message can be lost or doubled, so half of all kills are its.
KILLED = ("delivery-1", "delivery-2") * 3 + ("campaigns", "segments", "analytics", "gateway", "envoy")
FROZEN = ("delivery-1", "delivery-2") * 2 + ("campaigns", "segments", "analytics", "gateway")
DISCONNECTED = ("delivery", "delivery", "campaigns", "segments", "analytics", "accounts")
TROUBLES: tuple[Mapping[str, Any], ...] = (
    {"lost_requests": 0.3},
    {"lost_answers": 0.3},
    {"lost_requests": 0.1, "lost_answers": 0.1, "throttled": 0.1, "failed": 0.1},
    {"throttled": 0.5, "retry_after": 1},
    {"failed": 0.5, "failed_status": 500},
    {"failed": 0.3, "failed_retry_after": 2},
    {"requests_per_second": 20, "retry_after": 1},
)
SLOW = 3000  # milliseconds on top of an answer's usual delay


class Kind(enum.Enum):
    """What is done to the stack."""

    KILL = "kill -9"
    FREEZE = "freeze"  # SIGSTOP, and SIGCONT where the supervisor was not quicker
    DATABASE = "postgres immediate restart"
    DISCONNECT = "connections dropped"
    BROKER = "broker kill -9"
    WIPE = "broker log wiped"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `gap` seconds after the one before; `target` is a program or, for DISCONNECT, a role."""

    gap: float
    kind: Kind
    target: str = ""
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [self.kind.value, self.target]
        words += [f"{self.seconds:.1f} s"] if self.seconds else []
        words += [f"{name}={value}" for name, value in self.settings.items()]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything one seed gets."""

    recipients: int
    kills: int
    freezes: int
    database_restarts: int
    disconnects: int
    broker_kills: int
    wipes: int
    troubles: int
    pauses: int
    unwilling: int  # people who want no further messages
    mean_gap: float

    @property
    def faults(self) -> int:
        """All of them."""
        return (
            self.kills
            + self.freezes
            + self.database_restarts
            + self.disconnects
            + self.broker_kills
            + self.wipes
            + self.troubles
        )

    @property
    def seconds(self) -> float:
        """About how long the faults take, with the waits for what is just starting again."""
        return self.faults * self.mean_gap * 1.3


LONG = Plan(
    recipients=10_000, kills=100, freezes=8, database_restarts=10, disconnects=10, broker_kills=5, wipes=1,
    troubles=10, pauses=12, unwilling=60, mean_gap=0.8,
)  # fmt: skip
SHORT = Plan(
    recipients=1_000, kills=10, freezes=1, database_restarts=1, disconnects=1, broker_kills=1, wipes=0,
    troubles=2, pauses=3, unwilling=10, mean_gap=1.2,
)  # fmt: skip


def make_schedule(seed: int, plan: Plan) -> list[Fault]:
    """The faults of this seed, in order."""
    dice = random.Random(f"faults of {seed}")
    kinds = (
        [Kind.KILL] * plan.kills
        + [Kind.FREEZE] * plan.freezes
        + [Kind.DATABASE] * plan.database_restarts
        + [Kind.DISCONNECT] * plan.disconnects
        + [Kind.BROKER] * plan.broker_kills
        + [Kind.WIPE] * plan.wipes
        + [Kind.PROVIDER] * plan.troubles
    )
    dice.shuffle(kinds)
    return [_fault(kind, dice, gap=dice.uniform(0.3, 1.7) * plan.mean_gap) for kind in kinds]


def _fault(kind: Kind, dice: random.Random, *, gap: float) -> Fault:
    match kind:
        case Kind.KILL:
            return Fault(gap, kind, dice.choice(KILLED))
        case Kind.FREEZE:
            # A third of them outlast the supervisor's patience.
            return Fault(gap, kind, dice.choice(FROZEN), seconds=dice.choice((dice.uniform(1, 4), 7.0, 15.0)))
        case Kind.DISCONNECT:
            return Fault(gap, kind, dice.choice(DISCONNECTED))
        case Kind.PROVIDER:
            return Fault(gap, kind, "", seconds=dice.uniform(2, 5), settings=_trouble(dice))
        case _:
            return Fault(gap, kind)


def _trouble(dice: random.Random) -> Mapping[str, Any]:
    chosen = dice.randrange(len(TROUBLES) + 1)
    settings = {"delay_ms": SLOW} if chosen == len(TROUBLES) else TROUBLES[chosen]
    return {**settings, "seed": dice.randrange(2**31)}
