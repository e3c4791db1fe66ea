"""Pictures of computation graphs, and of a training while it goes on."""

from .graphs import Graph as Graph
from .recording import graph as graph
from .tracing import trace as trace
from .watching import watch as watch
