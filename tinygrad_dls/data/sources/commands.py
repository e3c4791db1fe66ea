"""The commands `tinygrad-dls data list | fetch NAME | where NAME`."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from ..._util.usage import usage
from .fetching import MeterFactory, fetch
from .folders import CACHE, COURSE, cache_folder, course_folder
from .locating import HERE, course_layout, locate, places
from .table import SOURCES, Source, find


def add_parser(subparsers: Any, meter: MeterFactory) -> None:
    """Adds `data` to a command line; each command is `args.run(args)` and returns its exit code.

    meter: makes the progress bar of a fetch; errors pass through as `dls.Error`.
    """
    parser = subparsers.add_parser("data", help="what lessons learn from, and where it is")
    commands = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)

    shown = commands.add_parser("list", help="every set: size, licence, source, where it is now")
    shown.add_argument("--json", action="store_true", help="the same for a program to read")
    shown.set_defaults(run=_list)

    fetched = commands.add_parser("fetch", help="bring a set into the cache, checked")
    fetched.add_argument("names", nargs="+", metavar="NAME")
    fetched.add_argument("--force", action="store_true", help="fetch again what is there")
    fetched.set_defaults(run=lambda args: _fetch(args, meter))

    where = commands.add_parser("where", help="which files a lesson would use for a set")
    where.add_argument("name", metavar="NAME")
    where.add_argument("--data", choices=["course", "cache", "built-in"], help="ask for one place")
    where.set_defaults(run=_where)


def _list(args: argparse.Namespace) -> int:
    if args.json:
        rows = [asdict(source) | {"here": list(places(source))} for source in SOURCES.values()]
        print(json.dumps(rows, indent=2))
        return 0
    table = [("NAME", "HERE", "SIZE", "WHAT")]
    table += [
        (source.name, next(places(source), "-"), _size(source), source.title)
        for source in SOURCES.values()
    ]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row, source in zip(table, [None, *SOURCES.values()]):
        name, here, size = (cell.ljust(width) for cell, width in zip(row, widths))
        print(f"{name}  {here}  {size}  {row[3]}")
        if source is not None:
            print(f"{' ' * (sum(widths) + 6)}from {source.origin}; licence: {source.licence}")
            if here.strip() == "built-in" and source.client not in HERE:  # not the set itself
                stands_in = locate(source.name).statement.split("; ")[0].removeprefix(source.name)
                print(f"{' ' * (sum(widths) + 6)}here{stands_in}")
    print(f"\ncourse files  {course_folder() or f'not set ({COURSE})'}")
    print("              as Coursera has them (flat, datasets/ ...), or a folder for each set:")
    print(f"              {', '.join(course_layout())}")
    print(f"cache         {cache_folder()} ({CACHE} changes it)")
    print("HERE is what a lesson takes; - means: tinygrad-dls data fetch NAME")
    return 0


def _fetch(args: argparse.Namespace, meter: MeterFactory) -> int:
    with usage():  # before the first is fetched
        for name in args.names:
            find(name)
    for name in args.names:
        place = fetch(name, force=args.force, meter=meter)
        print(place.statement)
    return 0


def _where(args: argparse.Namespace) -> int:
    with usage():
        find(args.name)
    place = locate(args.name, args.data)
    print(place.statement)
    for file in place.files:
        print(file)
    return 0


def _size(source: Source) -> str:
    if not source.size:
        return "-"
    return f"{source.size / 1e6:.0f} MB" if source.size > 1e6 else f"{source.size / 1e3:.0f} kB"
