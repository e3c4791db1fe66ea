"""The command `tinygrad-dls`. Exit codes: 0 done, 1 the work failed, 2 wrong usage."""

import argparse
import sys
from collections.abc import Sequence

from .bench import commands as bench_commands
from .bench import warmup
from .check import commands as check_commands
from .check import step_commands
from .data.sources import commands as data_commands
from .errors import Error
from .learn import commands as learn_commands
from .train import commands as lesson_commands
from .train.progress import Progress
from .version import __version__
from .viz import commands as graph_commands


def parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    top = argparse.ArgumentParser(
        prog="tinygrad-dls", description="Deep learning by building it: lessons, graphs, checks."
    )
    top.add_argument("--version", action="version", version=f"tinygrad-dls {__version__}")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    lesson_commands.add_parser(commands)
    learn_commands.add_parser(commands)
    graph_commands.add_parser(commands)
    check_commands.add_parser(commands)
    step_commands.add_parser(commands)
    data_commands.add_parser(commands, Progress)
    warmup.add_parser(commands)
    bench_commands.add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of ours are one message, not a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words  # wherever it stands
    if not words:
        parser().print_help()
        return 0
    chosen = parser().parse_args([word for word in words if word != "--debug"])
    try:
        return int(chosen.run(chosen) or 0)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output closed it, as `| head` does
        sys.stderr.close()
        return 0
    except (Error, OSError) as error:
        if debug:
            sys.excepthook = sys.__excepthook__  # a lesson's own leaves the traceback out
            raise
        print(f"tinygrad-dls: {error}", file=sys.stderr)
        return 2 if getattr(error, "wrong_usage", False) else 1


if __name__ == "__main__":
    sys.exit(main())
