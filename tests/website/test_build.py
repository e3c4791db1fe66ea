"""A small site, built: the same files twice, and its pages in a browser.

Needs Sphinx and what else the extra `site` has; the browser tests need Playwright and Chromium, and
look for axe-core's script in the package axe-playwright-python.
"""

import filecmp
import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from tests.viz.browser import browser  # noqa: F401  (a fixture)

ROOT = Path(__file__).resolve().parents[2]
LESSON = "c1w2-computation-graph"
MODULES = ("tinygrad_dls.optim", "tinygrad_dls.train")  # enough of the API for links and looks
PAGES = ("index", f"lessons/{LESSON}", "reference/optim", "howto/capture", "speed")
SIZES = ((1280, "light"), (390, "dark"))  # pixels
pytestmark = [pytest.mark.slow,
              pytest.mark.filterwarnings("default")]  # Sphinx and its extensions warn each other


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Two builds of a site with one lesson and few modules; the lesson is run once."""
    for name in ("sphinx", "myst_parser", "furo", "ziamath", "codespell_lib", "jupytext"):
        pytest.importorskip(name)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "tools"))
    main = importlib.import_module("website.__main__")
    reference = importlib.import_module("website.reference")
    patch.setattr(reference, "modules", lambda: {name: reference.MODULES[name] for name in MODULES})
    folder = tmp_path_factory.mktemp("site")
    built = [folder / "first", folder / "second"]
    for out in built:
        main.build(LESSON, out, folder / "cache", 1)
    yield built
    patch.undo()
    for name in [name for name in sys.modules if name.split(".")[0] == "website"]:
        del sys.modules[name]


def test_two_builds_give_the_same_files(sites):
    first, second = sites
    files = [sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
             for site in sites]
    assert files[0] == files[1] and len(files[0]) > 60
    _, differ, failed = filecmp.cmpfiles(first, second, files[0], shallow=False)
    assert differ == failed == []
    page = (first / f"lessons/{LESSON}.html").read_text("utf-8")
    for part in ('class="formula"', 'src="../_static/lessons/', 'iframe class="graph"',
                 "our engine", "<summary>Answer</summary>", 'notebooks/c1w2-computation-graph.ip'):
        assert part in page, part
    assert "SOLUTION" not in page and (first / f"_static/notebooks/{LESSON}.ipynb").is_file()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_pages_in_a_browser(sites, browser, width, scheme):  # noqa: F811
    context = browser.new_context(offline=True, color_scheme=scheme,
                                  viewport={"width": width, "height": 900})
    found = {name: faults(context.new_page(), f"file://{sites[0]}/{name}.html", width)
             for name in PAGES}
    context.close()
    assert found == {name: [] for name in PAGES}


def faults(tab, address, width):
    """What the browser says of a page, what it asks of other hosts, and what axe-core finds."""
    wrong = []
    tab.on("console", lambda message: wrong.append(message.text))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda request: wrong.append(request.url)
           if not request.url.startswith(("file:", "data:")) else None)
    tab.goto(address)
    if tab.evaluate("document.documentElement.scrollWidth") > width:
        wrong.append("scrolls sideways")
    if tab.evaluate("[...document.images].some(i => i.complete && !i.naturalWidth)"):
        wrong.append("a picture is missing")
    if axe := importlib.util.find_spec("axe_playwright_python"):
        tab.add_script_tag(path=str(Path(axe.origin).parent / "axe.min.js"))
        results = tab.evaluate(  # preload would ask for style sheets again
            "axe.run({resultTypes: ['violations'], iframes: false, preload: false})")
        wrong += [f"{found['id']}: {found['nodes'][0]['html'][:200]}"
                  for found in results["violations"] if found["impact"] in ("serious", "critical")]
    tab.close()
    return wrong
