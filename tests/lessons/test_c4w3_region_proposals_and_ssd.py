"""Course 4, week 3, region proposals and SSD: what four detectors cost; mistakes are named."""

import pytest

DETECTORS = ("r_cnn", "fast_r_cnn", "faster_r_cnn", "ssd")


def test_fast_counts_the_work_of_four_detectors_and_names_mistakes(run_lesson):
    run = run_lesson("c4w3-region-proposals-and-ssd", "--fast")
    figures, broken = run.figures, run.figures["broken"]
    assert figures["default_boxes"] == (256 + 64 + 16 + 4) * 4
    assert figures["map_50"] == figures["ssd"]["map_50"]
    # SSD by its table: 3 x 3 convolutions of the backbone, the extra maps, and the heads.
    backbone = 9 * (3 * 16 * 32**2 + 16 * 32 * 16**2 + 32 * 48 * 16**2)
    extra = 9 * (48 * 64 * 8**2 + 64 * 64 * 4**2 + 64 * 64 * 2**2)
    heads = 9 * 4 * (4 + 4) * (48 * 16**2 + 64 * (8**2 + 4**2 + 2**2))
    assert figures["ssd"]["multiplications"] == backbone + extra + heads
    fast = figures["fast_r_cnn"]["multiplications"] - backbone
    assert fast % (48 * 16 * 64 + 64 * (4 + 4)) == 0  # one small head for each region
    assert figures["r_cnn"]["evaluations"] > 10 and figures["ssd"]["heads"] == 0
    assert figures["faster_r_cnn"]["heads"] <= 16
    assert broken["only_shared"] is True
    assert broken["lost"]["the finest left out"]["below 16 pixels"] > 30
    assert broken["shares"]["all"] > 90
    assert broken["factors"] == {"decode": [1, 1], "decode_plainly": [10, 5]}
    assert broken["fitting"] == {"row, column, box": 100, "box, row, column": 25}
    for picture in ("idea", "proposals", "matched", "detections", "comparison", "smooth_l1"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.slow
def test_the_whole_run_finds_shapes_in_new_scenes(run_lesson):
    figures = run_lesson("c4w3-region-proposals-and-ssd").figures
    assert figures["map_50"] > 0.75 > figures["map"] > 0.35
    assert min(figures[name]["map_50"] for name in DETECTORS) > 0.5
    assert figures["proposals"]["selective_search"]["recall"] > 90
    assert figures["proposals"]["network"]["recall"] > 85
    work = {name: figures[name]["multiplications"] for name in DETECTORS}
    assert work["r_cnn"] > 3 * max(work[name] for name in DETECTORS[1:])
