"""Course 4, week 3, localization: windows agree with convolutions, boxes fit, mistakes show."""

import pytest


def test_fast_windows_and_convolutions_agree_and_mistakes_are_named(run_lesson):
    run = run_lesson("c4w3-localization-and-sliding-windows", "--fast")
    windows, broken = run.figures["sliding_windows"], run.figures["broken"]
    assert windows["largest_difference"] < 1e-4
    assert windows["multiplications"]["one by one"] > 4 * windows["multiplications"]["at once"]
    assert windows["kept"] < windows["fired"]
    assert broken["asked_of_nothing"] == list(range(1, 10))
    assert broken["axes"] == ["x is x, y is y", "x and y are exchanged"]
    assert broken["iou"]["iou"] == "" and "do not meet" in broken["iou"]["iou_2017"]
    assert broken["order"] == "channel, row, column" and broken["shift"] == [1, 1]
    for picture in ("idea", "localizer", "sliding_windows", "anchors", "generalized_iou", "costs"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.slow
def test_the_whole_run_finds_shapes_in_new_pictures(run_lesson):
    figures = run_lesson("c4w3-localization-and-sliding-windows").figures
    localizer, windows = figures["localizer"], figures["sliding_windows"]
    assert localizer["presence_accuracy"] > 95 and localizer["class_accuracy"] > 90
    assert localizer["mean_iou"] > 0.65 and localizer["landmark_error"] < 3.5  # pixels of 48
    assert windows["map_50"] > 0.85 > 0.5 > windows["map_75"]
