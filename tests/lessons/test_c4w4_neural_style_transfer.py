"""Course 4, week 4, style transfer: costs fall as they must, and the picture stays one."""

import pytest


def check_figures(run):
    figures = run.figures
    steps = str(figures["steps"])
    assert set(figures["costs"]) == {str(i) for i in range(figures["steps"] + 1)}
    total = 10 * figures["content_costs"][steps] + 0.4 * figures["style_costs"][steps]
    assert figures["costs"][steps] == pytest.approx(total)
    assert figures["style_share"] == pytest.approx(
        figures["style_costs"][steps] / figures["style_costs"]["0"]
    )
    alone = figures["alone"]
    assert alone["content only"]["content"] < alone["style only"]["content"]
    assert alone["style only"]["style"] < alone["content only"]["style"]
    assert alone["beta = 0.004"]["content"] < alone["beta = 40"]["content"]
    assert figures["placeless"]["moved"]["style"] < 0.1
    assert figures["broken"]["cut"] > 1 and figures["broken"]["outside"] > 0.01
    for picture in ("idea", "growing", "generated", "costs", "alone"):
        assert (run.out / f"{picture}.png").is_file()


def check_full(run):
    figures = run.figures
    assert figures["size"] == [225, 300] and figures["steps"] >= 200
    assert figures["style_share"] < 0.05
    final = figures["content_costs"][str(figures["steps"])]
    assert final < figures["style_picture_content_cost"]


def test_fast(run_lesson):
    run = run_lesson("c4w4-neural-style-transfer", "--fast", "--data", "built-in")
    check_figures(run)
    assert run.figures["style_share"] < 0.3


@pytest.mark.slow
def test_full_on_what_is_built_in(run_lesson):
    run = run_lesson("c4w4-neural-style-transfer", "--data", "built-in")
    check_figures(run)
    check_full(run)


@pytest.mark.slow
def test_full_on_the_course_files(run_lesson, course):
    run = run_lesson("c4w4-neural-style-transfer", "--data", "course")
    check_figures(run)
    check_full(run)
