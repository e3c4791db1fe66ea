"""Doing the lessons yourself: a copy without solutions, checks of it, progress.

`exercises` finds and cuts out solutions, `loading` takes the functions out of a learner's file,
`notebooks` writes and reads such a file as a notebook,
`checking` has the helpers for files of checks, `run` and `session` run those with pytest,
`progress` remembers, `commands` is the command line.
"""
