"""The JSON schema of trace records: what `to_json` writes fits it, and little else does."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz import record

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads(Path(record.__file__).with_name("record.schema.json").read_text("utf-8"))


def faults(document):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(document)]


def network_step():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    F.cross_entropy(model(dls.randn(5, 4)), dls.Tensor(np.arange(5) % 2)).backward()


def without_gradients():
    with dls.no_grad():
        nn.LSTM(3, 4)(dls.ones(2, 2, 3))


def not_finite():
    x = dls.Tensor(np.array([0.0, -1.0, 1.0], "float32"), requires_grad=True)
    (x.log() / 0.0).sum().backward()


def other_dtypes():
    for dtype in ("float16", "float64", "int64", "uint8", "bool"):
        x = dls.Tensor(np.ones((0, 3), dtype))
        x.reshape(3, 0)
        x.sum()


def two_backwards():
    w = dls.Tensor(np.ones((4, 3), "float32"), requires_grad=True)
    b = dls.Tensor(np.ones(3, "float32"), requires_grad=True)
    y = w * w + b
    y.sum().backward(retain_graph=True)
    y.sum().backward(create_graph=True)


def an_error():
    nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3))(dls.ones(2, 4))


def nothing():
    pass


def on_the_strict_device():
    nn.Linear(3, 2).to("strict")(dls.ones(4, 3, device="strict")).sum().backward()


TRACED = [network_step, without_gradients, not_finite, other_dtypes, two_backwards, an_error,
          nothing, on_the_strict_device]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == record.VERSION


@pytest.mark.parametrize("run", TRACED)
def test_traces_fit(run):
    t = dls.trace()
    try:
        with t, np.errstate(all="ignore"):
            run()
    except dls.ShapeError:
        assert run is an_error
    assert faults(json.loads(t.to_json())) == []


def test_every_key_must_be_there_and_no_other():
    with dls.trace() as t:
        two_backwards()
    whole = json.loads(t.to_json())
    node = next(i for i, n in enumerate(whole["nodes"]) if n["bwd"] and n["bwd"]["contributions"])
    at = (), ("nodes", node), ("nodes", node, "bwd"), ("nodes", node, "fwd"), ("edges", 0), \
        ("nodes", node, "bwd", "contributions", 0)
    for path in at:
        for key in [*_at(whole, path), "more"]:
            broken = copy.deepcopy(whole)
            inner = _at(broken, path)
            if key == "more":
                inner[key] = 1
            else:
                del inner[key]
            assert len(faults(broken)) == 1, (path, key)


def _at(document, path):
    for key in path:
        document = document[key]
    return document
