"""Taking, placing and joining elements."""
