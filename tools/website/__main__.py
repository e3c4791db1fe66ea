"""Build the site: `python tools/website`, or `make site`. It needs no network.

    python tools/website --lessons fast|full|none|NAME,NAME  --out build/site

Lessons are run once, and what they give is kept in build/site-cache, by their text and the version
of the package. A broken link, a misspelled word, a warning, or a page that loads anything from
another host is an error.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # tools/, in place of this folder
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from website.built import faults, misspelled  # noqa: E402
from website.lessons import write_lessons  # noqa: E402
from website.pages import ROOT, SiteError, write_texts  # noqa: E402
from website.reference import write_reference  # noqa: E402
from website.speed import write_speed  # noqa: E402

DOCS = ROOT / "docs"


def build(words: str, out: Path, kept: Path, jobs: int) -> None:
    """Build the site into `out`, with the lessons in `words`; SiteError if anything is wrong."""
    kept.mkdir(parents=True, exist_ok=True)
    source, static = kept / "source", kept / "static"
    for folder in (source, static, out):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("static", "*.py", "__pycache__"))
    shutil.copytree(DOCS / "static", static)
    write_texts(source)
    write_reference(source)
    write_speed(source, static)
    write_lessons(words, source, static, kept / "lessons", jobs)
    if wrong := misspelled([source, ROOT / "README.md"]):
        raise SiteError("misspelled (or put the word into docs/words.txt):\n" + "\n".join(wrong))
    _sphinx(source, out, kept)
    if wrong := list(faults(out.resolve(), (ROOT, kept.resolve()))):
        raise SiteError("the pages have faults:\n" + "\n".join(wrong))


def _sphinx(source: Path, out: Path, kept: Path) -> None:
    """Turn Markdown into pages."""
    trees = kept / "doctrees"
    shutil.rmtree(trees, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html",
               "-c", str(DOCS), "-d", str(trees), str(source), str(out)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SITE_CACHE": str(kept.resolve())}
    if subprocess.run(command, env=environment, check=False).returncode:
        raise SiteError("Sphinx has warnings: see above")
    (out / ".buildinfo").unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", default="fast", help="fast, full, none, or names with commas")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "site-cache")
    parser.add_argument("--jobs", type=int, default=1, help="lessons that run at a time")
    arguments = parser.parse_args()
    try:
        build(arguments.lessons, arguments.out, arguments.cache, arguments.jobs)
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"the site is in {arguments.out}: open {arguments.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
