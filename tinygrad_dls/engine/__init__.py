"""The engine: graphs, the walk back, modes, versions of memory."""
