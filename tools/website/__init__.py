"""The site: lessons that are run, API pages, how-to pages, the speed page, built without a network.

`python tools/website` (or `make site`) puts it into build/site.
"""
