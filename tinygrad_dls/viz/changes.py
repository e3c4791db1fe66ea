"""Marks of a comparison: how it is written down what became of each node."""

ADDED, REMOVED = "+ added", "− removed"
SEPARATOR = "; "  # between the changes of one node
SIGNS = {"added": "+", "removed": "−", "changed": "≠", "other numbers": "Δ"}  # never colour alone


def kind_of(change: str) -> str:
    """The word for what became of a node; "" for nothing."""
    if change in (ADDED, REMOVED):
        return change[2:]
    if SIGNS["changed"] in change:
        return "changed"
    return "other numbers" if change else ""
