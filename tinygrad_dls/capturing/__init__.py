"""A training step recorded once, and replayed without the graph being built again."""

from .captured import Captured as Captured
from .captured import capture as capture
