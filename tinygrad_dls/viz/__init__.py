"""Pictures of computation graphs."""

from .graphs import Graph as Graph
from .trace import graph as graph
