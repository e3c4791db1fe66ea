"""The interactive page: what stands in the file, and (with Chromium) what it does."""

import hashlib
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz import page

from .browser import browser, wait_for  # noqa: F401
from .browser import opened as opened_file  # noqa: F401

HOSTILE = ["</script><script>window.hit = 1</script>", "'\"><img src=x onerror='window.hit=1'>",
           "<!--", "\u202eright to left", "a\\b\"c", "@DATA@", "\u2028", "x" * 10_000, "\x00\x1b",
           "\ud800"]


def network(name="x"):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = dls.Tensor(np.ones((5, 4), "float32"), name=name)
    with dls.trace() as t:
        F.cross_entropy(model(x), dls.Tensor(np.arange(5) % 2)).backward()
    return t


def data_of(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])


def test_the_library_is_the_one_whose_licence_stands_beside_it():
    digest = hashlib.sha256((page.WEB / "viz-global.js").read_bytes()).hexdigest()
    text = (page.WEB / "LICENSES.txt").read_text("utf-8")
    assert digest in text and "Eclipse Public License" in text and "Expat" in text


def test_one_file_with_everything_in_it():
    text = network().to_html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'") and "http" not in policy
    head = text.partition('<script type="text/plain"')[0]
    assert "src=" not in head and "href=" not in head
    assert not re.search(r"@[A-Z]+@", text)
    data = data_of(text)
    assert {n["name"] for n in data["nodes"]} >= {"x", "0.weight", "2.bias"}
    assert [data["groups"][g]["label"] for g in (0, 1)] == ["Sequential", "0: Linear 4 -> 3"]
    assert len(data["forward"]) == len(data["backward"]) == 4


@pytest.mark.parametrize("name", HOSTILE)
def test_names_change_nothing_but_the_text(name):
    text = network(name).to_html()
    text.encode("utf-8")
    assert text.count("</script>") == network().to_html().count("</script>")
    assert any(n["name"] == name for n in data_of(text)["nodes"])


@pytest.mark.parametrize("name", HOSTILE)
def test_files_of_every_kind_hold_any_name(name, tmp_path):
    t = network(name)
    for ending in ("html", "svg", "dot", "json", "txt"):
        t.save(tmp_path / f"x.{ending}")
        (tmp_path / f"x.{ending}").read_text("utf-8")
    ElementTree.parse(tmp_path / "x.svg")


def test_an_entity_in_the_name_of_a_module_is_no_entity_in_dot():
    model = nn.Sequential()
    model.add_module("a&lt;b", nn.Linear(2, 2))
    with dls.trace() as t:
        model(dls.Tensor(np.ones((1, 2), "float32")))
    assert 'label="a&amp;lt;b' in t.to_dot()


def test_a_long_name_of_a_module_does_not_widen_the_picture():
    model = nn.Sequential()
    model.add_module("n" * 10_000, nn.Linear(2, 2))
    with dls.trace() as t:
        model(dls.Tensor(np.ones((1, 2), "float32")))
    svg = ElementTree.fromstring(t.to_svg())
    assert float(svg.get("viewBox").split()[2]) < 2000
    assert max(len(g["label"]) for g in data_of(t.to_html())["groups"]) <= 80


def test_before_backward_there_are_no_steps_back():
    x = dls.Tensor(2.0, requires_grad=True)
    with dls.trace() as t:
        x * x
    data = data_of(t.to_html())
    assert data["backward"] == [] and len(data["forward"]) == 1


def test_a_link_opens_where_the_last_part_of_a_gradient_comes():
    w = dls.Tensor(2.0, requires_grad=True, name="w")
    with dls.trace():
        u = w * 3.0
        v = w.tanh()
        loss = u + v  # the walk back: add, tanh, mul
        loss.backward()
    graph = dls.graph(loss, names={"u": u})
    ids = {n.name or n.op: n.id for n in graph.record.nodes}
    assert data_of(graph.to_html())["backward"] == [ids[k] for k in ("add", "tanh", "u")]
    assert graph.link("u") == f"#t=4&sel={ids['u']}"
    assert graph.link("tanh") == f"#t=4&sel={ids['tanh']}"
    assert graph.link("w") == f"#t=6&sel={ids['w']}"


@pytest.mark.parametrize("name, says", [("tahn", "did you mean 'tanh'"), ("tanh", "backward"),
                                        ("", "no value")])
def test_a_link_to_no_step_says_why(name, says):
    with dls.trace() as t:
        dls.Tensor(2.0, requires_grad=True, name="w").tanh()
    with pytest.raises(dls.GraphError, match=says):
        t.link(name)


def test_what_does_not_fit_is_folded_at_first():
    model = nn.Sequential(*[nn.Sequential(nn.Linear(3, 3), nn.ReLU()) for _ in range(30)])
    with dls.trace() as t:
        model(dls.ones(2, 3)).sum().backward()
    data = data_of(t.to_html())
    folded = {data["groups"][g]["label"] for g in data["closed"]}
    assert "0 .. 29: Sequential × 30" in folded and "Sequential" not in folded
    one = data_of(t.to_html(depth=0))
    assert one["closed"] == list(range(len(one["groups"])))


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture
def opened(opened_file, tmp_path):  # noqa: F811
    """Opens a graph's page."""
    return lambda graph, **options: opened_file(graph.save(tmp_path / "page.html", **options))


def test_steps_by_keyboard(opened):
    tab = opened(network())
    says = []
    for _ in range(8):
        tab.keyboard.press("ArrowRight")
        says.append(tab.inner_text("#says"))
    assert [s.partition(":")[0] for s in says] == [
        *(f"forward {i} of 4" for i in (1, 2, 3, 4)), *(f"backward {i} of 4" for i in (1, 2, 3, 4))]
    assert "grad of 0.weight +=" in tab.inner_text("#details")
    assert "#t=8&" in tab.url
    tab.keyboard.press("Home")
    assert tab.inner_text("#says").startswith("The whole graph")


def test_the_keyboard_stays_where_it_was(opened):
    tab = opened(network())

    def focused():
        return tab.evaluate("document.activeElement.id")

    tab.focus("#c1")
    for key, place in (("Enter", "bg1"), ("Enter", "c1"), ("c", "stage"), ("e", "stage")):
        tab.keyboard.press(key)
        wait_for(tab, lambda place=place: focused() == place)
    tab.keyboard.press("/")
    assert focused() == "query"
    tab.keyboard.press("Escape")
    assert focused() == "stage"


def test_fold_unfold_and_search(opened):
    tab = opened(network())
    everything = tab.locator(".node").count()
    tab.keyboard.press("c")
    wait_for(tab, lambda: tab.locator(".node").count() == 4)
    tab.keyboard.press("/")
    tab.keyboard.type("2.bias")
    tab.keyboard.press("Enter")
    wait_for(tab, lambda: tab.locator(".node").count() > 4)
    assert "2.bias" in tab.inner_text("#details")
    tab.keyboard.press("Escape")
    tab.locator("#stage").focus()
    tab.keyboard.press("e")
    wait_for(tab, lambda: tab.locator(".node").count() == everything)


def test_a_link_to_a_step(opened, tmp_path):
    tab = opened(network())
    tab.goto(tab.url.partition("#")[0] + "#t=3&closed=")
    wait_for(tab, lambda: tab.inner_text("#says").startswith("forward 3"))


def test_a_link_opens_near_enough_to_read(opened):
    model = nn.Sequential(*[nn.Linear(3, 3) for _ in range(12)])
    with dls.trace() as t:
        model(dls.ones(2, 3)).sum().backward()
    tab = opened(t)
    scale = "new DOMMatrix(document.querySelector('#stage svg').style.transform).a"
    assert tab.evaluate(scale) < 0.5  # the whole graph
    tab.goto(tab.url.partition("#")[0] + t.link("0.weight"))
    wait_for(tab, lambda: tab.evaluate(scale) > 0.7)
    stage, ring = tab.locator("#stage").bounding_box(), tab.locator(".ring.selected").bounding_box()
    for start, size in (("x", "width"), ("y", "height")):
        middle = ring[start] + ring[size] / 2
        assert abs(middle - stage[start] - stage[size] / 2) < 2


def test_numbers_in_the_formula(opened):
    a, b = (dls.Tensor(x, requires_grad=True, name=n) for n, x in (("a", 0.5), ("b", 3.0)))
    with dls.trace() as t:
        (a * b).backward()
    tab = opened(t)
    tab.keyboard.press("End")
    details = tab.inner_text("#details")
    assert "1.5 = 0.5 * 3" in details and "grad of b += 0.5" in details


def test_hostile_names_in_a_browser(opened):
    model = nn.Sequential(nn.Linear(2, 2))
    with dls.trace() as t:
        for name in HOSTILE:
            x = dls.Tensor(np.ones((1, 2), "float32"), name=name)
            model(x).sum()
    tab = opened(t)
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("window.hit") is None
    assert tab.evaluate("document.body.dataset.ready") == "1"


def test_hostile_names_of_modules_in_a_browser(opened):
    model = nn.Sequential(nn.Linear(2, 2))
    for name in [*HOSTILE, "a&lt;b", "nothing\0after"]:
        model.add_module(name.replace(".", ""), nn.Linear(2, 2))
    with dls.trace() as t:
        model(dls.Tensor(np.ones((1, 2), "float32"))).sum()
    tab = opened(t)
    tab.keyboard.press("e")
    tab.wait_for_function("document.querySelectorAll('#stage .cluster').length > 10")
    labels = tab.evaluate(
        "[...document.querySelectorAll('.cluster > text')].map(t => t.textContent)")
    assert {"a&lt;b: Linear 2 -> 2", "nothing after: Linear 2 -> 2"} <= set(labels)
    assert tab.evaluate("window.hit") is None


def test_what_is_too_much_to_draw_stays_folded(opened):
    model = nn.Sequential(*(nn.Sequential(*(nn.Tanh() for _ in range(80))) for _ in range(10)))
    x = dls.Tensor(np.ones(2, "float32"), requires_grad=True)
    with dls.trace() as t:
        model(x).sum()
    tab = opened(t)
    before = tab.evaluate("document.querySelectorAll('#stage .node').length")
    tab.keyboard.press("e")
    assert "more than can be drawn" in tab.inner_text("#says")
    assert tab.evaluate("document.querySelectorAll('#stage .node').length") == before
    tab.keyboard.press("ArrowRight")
    assert "forward 1 of 801" in tab.inner_text("#says")


def test_costs_as_an_overlay(opened):
    """Colours say what words say: on the box, in its name, in a list, in the details."""
    tab = opened(network())
    box = tab.locator("#bn3")  # the first linear
    plain = box.inner_html()
    assert tab.is_hidden("#costs")
    tab.select_option("#cost", "flops")
    wait_for(tab, lambda: "MFLOP" in tab.inner_text("#costs") or "FLOP in all" in
             tab.inner_text("#costs"))
    assert "120 FLOP, " in box.text_content() and "120 FLOP, " in box.get_attribute("aria-label")
    assert box.inner_html() != plain
    assert "Linear 4 -> 3 / linear: 120 FLOP, " in tab.locator("#costs button").first.inner_text()
    assert "cost=flops" in tab.url
    tab.keyboard.press("Escape")
    tab.keyboard.press("c")
    wait_for(tab, lambda: "Sequential" in tab.locator("#costs button").first.inner_text())
    tab.keyboard.press("e")
    wait_for(tab, lambda: box.count() == 1)
    box.press("Enter")
    assert "operations back" in tab.inner_text("#details")
    tab.select_option("#cost", "")
    wait_for(tab, lambda: tab.inner_text("#costs") == "")


def test_show_cost_opens_the_page_with_the_overlay(opened):
    tab = opened(network(), show=("shape", "cost"))
    assert tab.input_value("#cost") == "flops" and "FLOP in all" in tab.inner_text("#costs")
