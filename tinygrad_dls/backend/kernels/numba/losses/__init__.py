"""Losses from logits."""
