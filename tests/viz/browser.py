"""Fixtures that open a page in Chromium, without a network; skipped where that is missing."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser):
    """Opens the page in a file; fails on console messages, and on requests but for it."""
    heard = []

    def open_page(path, clock=False):
        tab = browser.new_context(offline=True).new_page()
        if clock:
            tab.clock.install()
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("request", lambda request: heard.append(request.url)
               if Path(request.url.partition("#")[0]).name != Path(path).name
               and not request.url.startswith("data:") else None)
        tab.goto(f"file://{path}")
        tab.wait_for_selector("body[data-ready]")
        return tab

    yield open_page
    assert heard == []


def wait_for(tab, condition):
    """Until it holds (the page's policy does not let Playwright wait for an expression)."""
    for _ in range(300):
        if condition():
            return
        tab.wait_for_timeout(100)
    raise AssertionError("it did not come to hold")
