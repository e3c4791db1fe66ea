"""Course 4, week 3, segmentation: U-Net counted, and trained on scenes with exact masks."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["parameters"] == {"course": 8640471, "keras": 8640471}
    for name, iou in figures["iou"].items():
        assert abs(figures["dice"][name] - 2 * iou / (1 + iou)) < 1e-12
    assert abs(figures["mean_iou"] - sum(figures["iou"].values()) / 6) < 1e-12
    broken = figures["broken"]
    assert broken["ground"]["accuracy"] > 0.6 and broken["ground"]["mean_iou"] < 0.2
    assert broken["invented"]["bilinear"] > 0 == broken["invented"]["nearest"]
    for picture in ("idea", "predictions", "training", "skips"):
        assert (run.out / f"{picture}.png").is_file()
    assert (run.out / "graph.svg").is_file()


def test_fast(run_lesson):
    check_figures(run_lesson("c4w3-segmentation", "--fast", "--data", "built-in"))


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes of training
def test_full(run_lesson):
    run = run_lesson("c4w3-segmentation", "--data", "built-in", timeout=3000)
    check_figures(run)
    figures, broken = run.figures, run.figures["broken"]
    assert figures["mean_iou"] > 0.85 and figures["accuracy"] > 0.9
    skips = broken["skips"]
    assert skips["with"]["mean_iou"] > skips["without"]["mean_iou"] + 0.2
    assert broken["cropped"]["mean_iou"] < figures["mean_iou"]
    assert broken["black"]["mean_iou"] < 0.3
