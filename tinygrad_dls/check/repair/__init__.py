"""Repairs of a learner's own lines: edits of the source that make every gradient right."""
