"""Course 4, week 3, car detection: real networks through the learner's functions."""

import numpy as np
import pytest

from tinygrad_dls import vision


def test_fast_functions_run_a_real_network_and_mistakes_are_named(run_lesson):
    run = run_lesson("c4w3-car-detection", "--fast", "--data", "built-in")
    figures = run.figures
    assert figures["iou"] == pytest.approx({"overlapping": 1 / 7, "corner": 0, "apart": 0})
    (face,) = figures["faces"]["astronaut"]
    assert face["score"] > 0.5
    # Drawn by hand around the face, from the hair line to the chin.
    assert vision.box_iou([face["box"]], [[176.0, 70, 270, 180]])[0, 0] >= 0.5
    assert figures["faces"]["coffee"] == figures["faces"]["chelsea"] == []
    broken = figures["broken"]
    assert broken["slope"] == ["t_x", "t_y"]
    assert broken["suspicions"]["right"] == []
    assert broken["together"] == 2 and broken["apart"] == 3
    shares = list(broken["shares"].values())
    assert shares[0] > 2 * shares[1]
    for picture in ("idea", "anchors", "costs", "scenes", "faces"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.course
def test_fast_finds_the_car_of_the_course_picture(run_lesson, course):
    run = run_lesson("c4w3-car-detection", "--fast", "--data", "course")
    assert run.result["data"] == "course"
    best = run.figures["best_car"]
    assert best["picture"] == "test.jpg" and best["score"] > 0.85
    assert vision.box_iou(np.array([best["box"]]), [[966.0, 345, 1241, 706]])[0, 0] > 0.9


@pytest.mark.slow
def test_the_whole_run_learns_to_see_roads(run_lesson):
    figures = run_lesson("c4w3-car-detection", "--data", "built-in").figures
    assert figures["small_yolo"]["map_50"] > 0.75
    assert figures["best_car"]["score"] > 0.6
