"""One pass over memory each."""
