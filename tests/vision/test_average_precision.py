"""Mean average precision: pycocotools' numbers, and the 11-point rule from its definition."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import vision

from .boxes import iou_of, random_boxes

Pictures = list[dict[str, Any]]


def scene(seed: int, pictures: int = 6, labels: int = 3, crowds: bool = False,
          most: int = 12) -> tuple[Pictures, Pictures]:
    """Boxes, and detections near some of them, with ties among the scores."""
    rng = np.random.default_rng(seed)
    predictions, targets = [], []
    for _ in range(pictures):
        truth = random_boxes(rng, rng.integers(0, most))
        kinds = rng.integers(0, labels, len(truth))
        target = {"boxes": truth, "labels": kinds}
        if crowds:
            target["iscrowd"] = rng.random(len(truth)) < 0.3
        targets.append(target)
        near = np.repeat(truth, rng.integers(0, 3, len(truth)), axis=0)
        near = near + rng.normal(0, 3, near.shape)
        found = np.concatenate([near, random_boxes(rng, rng.integers(0, most))])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 0.5)
        predictions.append({"boxes": found, "labels": rng.integers(0, labels, len(found)),
                            "scores": np.round(rng.random(len(found)), 1 + seed % 3)})
        for i in range(len(near)):
            nearest = max(range(len(truth)), key=lambda j: iou_of(near[i], truth[j]))
            predictions[-1]["labels"][i] = kinds[nearest]
    return predictions, targets


def coco(predictions: Pictures, targets: Pictures) -> dict[str, float]:
    """The same by pycocotools."""
    pycocotools = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")

    def entries(pictures: Pictures, scored: bool) -> list[dict[str, Any]]:
        made = []
        for image, picture in enumerate(pictures):
            for i, (box, label) in enumerate(zip(picture["boxes"], picture["labels"])):
                x1, y1, x2, y2 = map(float, box)
                crowd = int(picture.get("iscrowd", np.zeros(i + 1))[i])
                made.append({"id": len(made) + 1, "image_id": image, "category_id": int(label),
                             "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1),
                             "iscrowd": crowd})
                if scored:
                    made[-1]["score"] = float(picture["scores"][i])
        return made

    truth = pycocotools.COCO()
    truth.dataset = {
        "images": [{"id": i} for i in range(len(targets))],
        "annotations": entries(targets, scored=False),
        "categories": [{"id": i} for i in range(10)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes(entries(predictions, scored=True))
        judge = evaluation.COCOeval(truth, found, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return dict(zip(("map", "map_50", "map_75"), judge.stats[:3].tolist()))


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_equals_pycocotools(seed: int, crowds: bool) -> None:
    predictions, targets = scene(seed, crowds=crowds)
    assert vision.mean_average_precision(predictions, targets) == pytest.approx(
        coco(predictions, targets), abs=1e-12)


def test_at_most_100_detections_of_a_label_in_a_picture_count() -> None:
    predictions, targets = scene(3, pictures=2, labels=1, most=150)
    assert max(len(p["boxes"]) for p in predictions) > 150
    assert vision.mean_average_precision(predictions, targets) == pytest.approx(
        coco(predictions, targets), abs=1e-12)


def voc(predictions: Pictures, targets: Pictures, threshold: float) -> float:
    """11 points, written out: every detection of a label, best first, against the best box."""
    averages = []
    for label in sorted({int(x) for t in targets for x in t["labels"]}):
        total = sum(int((t["labels"] == label).sum()) for t in targets)
        rows = [(p["scores"][i], image, i) for image, p in enumerate(predictions)
                for i in range(len(p["boxes"])) if p["labels"][i] == label]
        rows.sort(key=lambda row: -row[0])
        taken, hits, curve = set(), 0, []
        for count, (_, image, i) in enumerate(rows, 1):
            truth = [j for j in range(len(targets[image]["boxes"]))
                     if targets[image]["labels"][j] == label]
            overlaps = [iou_of(predictions[image]["boxes"][i], targets[image]["boxes"][j])
                        for j in truth]
            if truth and max(overlaps) >= threshold:
                best = (image, truth[int(np.argmax(overlaps))])
                hits += best not in taken
                taken.add(best)
            curve.append((hits / total, hits / count))
        averages.append(sum(max((p for r, p in curve if r >= k / 10), default=0)
                            for k in range(11)) / 11)
    return float(np.mean(averages))


@pytest.mark.parametrize("seed", [0, 3, 6, 9])
def test_the_11_point_rule(seed: int) -> None:
    predictions, targets = scene(seed)
    for p in predictions:
        p["scores"] = np.random.default_rng(seed).permutation(len(p["scores"])) / 97 + (
            0.001 * id(p) % 1e-3)  # no ties: their order is not part of the rule
    mine = vision.mean_average_precision(predictions, targets, rule="voc")
    assert mine["map"] == mine["map_50"] == pytest.approx(voc(predictions, targets, 0.5))
    assert mine["map_75"] == pytest.approx(voc(predictions, targets, 0.75))


def test_difficult_boxes_count_neither_way() -> None:
    box, far = [0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]
    targets = [{"boxes": [box, far], "labels": [1, 1], "difficult": [False, True]}]
    found = [{"boxes": [far, box], "labels": [1, 1], "scores": [0.9, 0.8]}]
    assert vision.mean_average_precision(found, targets, rule="voc")["map"] == 1


def test_by_hand() -> None:
    """Right, wrong, right; two of two found: precision 1 up to recall 1/2, then 2/3."""
    targets = [{"boxes": [[0, 0, 10, 10], [20, 0, 30, 10]], "labels": [1, 1]}]
    found = [{"boxes": [[0, 0, 10, 10], [50, 50, 60, 60], [20, 0, 30, 10]],
              "labels": [1, 1, 1], "scores": [0.9, 0.8, 0.7]}]
    mean = vision.mean_average_precision(found, targets)
    assert mean["map_50"] == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert vision.mean_average_precision(found, targets, "voc")["map"] == pytest.approx(
        (6 * 1 + 5 * 2 / 3) / 11)
    precision, recall, scores = vision.precision_recall(found, targets, 1)
    assert precision.tolist() == [1, 1 / 2, 2 / 3] and recall.tolist() == [1 / 2, 1 / 2, 1]
    assert scores.tolist() == [0.9, 0.8, 0.7]


def test_nothing_found_and_nothing_there() -> None:
    nothing = {"boxes": [], "labels": [], "scores": []}
    box = {"boxes": [[0, 0, 1, 1]], "labels": [1], "scores": [0.5]}
    assert vision.mean_average_precision([nothing], [box])["map"] == 0
    assert vision.mean_average_precision([box], [nothing])["map"] == -1
    assert vision.mean_average_precision([], []) == {"map": -1, "map_50": -1, "map_75": -1}


def test_tensors_go_in() -> None:
    predictions, targets = scene(0)
    as_tensors = [{k: dls.Tensor(v) for k, v in p.items()} for p in predictions]
    assert vision.mean_average_precision(as_tensors, targets) == vision.mean_average_precision(
        predictions, targets)


def test_bad_input_is_refused() -> None:
    one = {"boxes": [[0, 0, 1, 1]], "labels": [1], "scores": [0.5]}
    for found, truth, error, message in (
        ([one], [], dls.ShapeError, "1 pictures and targets for 0"),
        ([{"boxes": [], "labels": []}], [one], dls.DataError, r"predictions\[0\] lacks 'scores'"),
        ([{**one, "scores": [np.nan]}], [one], dls.DataError, "NaN"),
        ([{**one, "boxes": [[1, 0, 0, 1]]}], [one], dls.DataError, r"\['boxes'\]\[0\].*x2 < x1"),
        ([one], [{**one, "labels": [1, 2]}], dls.ShapeError, r"targets\[0\]: labels"),
        ([one], [{**one, "iscrowd": [1, 0]}], dls.ShapeError, "iscrowd"),
    ):
        with pytest.raises(error, match=message):
            vision.mean_average_precision(found, truth)
    with pytest.raises(dls.DataError, match="rule"):
        vision.mean_average_precision([one], [one], rule="pascal")
    with pytest.raises(dls.DataError, match="no target"):
        vision.precision_recall([one], [one], label=7)
