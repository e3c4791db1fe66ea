"""Pictures of computation graphs."""

from .graphs import Graph as Graph
from .recording import graph as graph
from .tracing import trace as trace
