"""Owns the order in which waiting requests get a connection: in turn between those who wait, first come within each.

Never starts a request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """One lane per caller; `take` goes round the lanes, so that a long batch never keeps a short one waiting."""

    def __init__(self) -> None:
        self._lanes: dict[object, deque[Item]] = {}
        self._turns: deque[object] = deque()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, lane: object, items: Iterable[Item]) -> None:
        waiting = self._lanes.setdefault(lane, deque())
        if not waiting:
            self._turns.append(lane)
        waiting.extend(items)
        if not waiting:
            self._turns.remove(lane)
            del self._lanes[lane]

    def put_back(self, lane: object, item: Item) -> None:
        """Before all others of its lane, which is next."""
        waiting = self._lanes.setdefault(lane, deque())
        if not waiting:
            self._turns.appendleft(lane)
        waiting.appendleft(item)

    def take(self) -> Item | None:
        """The next in turn, None where nobody waits."""
        if not self._turns:
            return None
        lane = self._turns.popleft()
        waiting = self._lanes[lane]
        item = waiting.popleft()
        if waiting:
            self._turns.append(lane)
        else:
            del self._lanes[lane]
        return item

    def take_all(self) -> Iterator[Item]:
        while (item := self.take()) is not None:
            yield item
