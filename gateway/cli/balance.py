"""Owns a reconciliation as a table: one row per state, one column per book."""

from __future__ import annotations

from carillon.delivery.v1.delivery_pb2 import ReceiptCounts, Reconciliation, StateCounts
from rich.console import Console
from rich.table import Table

BOOKS = ("delivery", "analytics", "shown")


def show(reconciliation: Reconciliation, console: Console) -> None:
    """Print the table, the reasons and the differences."""
    table = Table(title=f"{reconciliation.name}: audience {reconciliation.audience:,}")
    table.add_column("state")
    for book in BOOKS:
        table.add_column(book, justify="right")
    for field in StateCounts.DESCRIPTOR.fields:
        table.add_row(field.name, *(f"{getattr(getattr(reconciliation, book), field.name):,}" for book in BOOKS))
    table.add_section()
    table.add_row("together", *(f"{together(getattr(reconciliation, book)):,}" for book in BOOKS))
    console.print(table)
    for reason, count in sorted(reconciliation.reasons.items()):
        console.print(f"{reason}: {count:,}")
    for field in ReceiptCounts.DESCRIPTOR.fields:
        if count := getattr(reconciliation.delivery_receipts, field.name):
            console.print(f"{field.name}: {count:,}")
    if reconciliation.repeated:
        console.print(f"Tried again after a fault, and perhaps twice on a device: {reconciliation.repeated:,}")
    for difference in reconciliation.differences:
        console.print(f"[red]{difference}")
    console.print("[green]Balanced." if reconciliation.balanced else "[yellow]Not balanced.")


def together(counts: StateCounts) -> int:
    """The sum over all states."""
    return sum(getattr(counts, field.name) for field in StateCounts.DESCRIPTOR.fields)
