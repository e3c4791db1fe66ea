"""Course 5, week 3, speech and CTC: the loss is PyTorch's, and the digits are heard."""

import numpy as np
import pytest

from tinygrad_dls.learn.loading import definitions
from tinygrad_dls.train.catalog import find_lesson

NAME = "c5w3-speech-and-ctc"


@pytest.fixture(scope="module")
def lesson():
    return definitions(find_lesson(NAME).script)


def random_case(rng):
    """Logits (T, C), labels with repeats, at times none or too many, and the blank."""
    steps, classes = int(rng.integers(1, 12)), int(rng.integers(2, 6))
    blank = int(rng.integers(0, classes))
    symbols = [c for c in range(classes) if c != blank]
    labels = rng.choice(symbols, rng.integers(0, 7)).tolist()
    return 2 * rng.standard_normal((steps, classes)), labels, blank


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(60))
def test_loss_and_gradient_are_pytorchs(lesson, seed):
    torch = pytest.importorskip("torch")
    logits, labels, blank = random_case(np.random.default_rng(seed))
    z = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(
        z.log_softmax(1), torch.tensor(labels, dtype=torch.int64), torch.tensor(len(logits)),
        torch.tensor(len(labels)), blank=blank, reduction="sum", zero_infinity=True)
    loss.backward()
    mine, dlogits, gamma = lesson.ctc_loss(logits, labels, blank, zero_infinity=True)
    assert mine == pytest.approx(loss.item(), abs=1e-10)
    np.testing.assert_allclose(dlogits, z.grad.numpy(), atol=1e-10)
    possible = np.isfinite(lesson.ctc_loss(logits, labels, blank)[0])
    assert possible == (lesson.frames_needed(labels) <= len(logits))
    np.testing.assert_allclose(gamma.sum(axis=1), 1.0 if possible else 0.0)


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_best_labelling(lesson, seed):
    rng = np.random.default_rng(seed)
    steps, classes = int(rng.integers(1, 6)), int(rng.integers(2, 4))
    log_probs = lesson.log_softmax(2 * rng.standard_normal((steps, classes)))
    chances = lesson.every_labelling(log_probs)
    found = lesson.prefix_beam_search(log_probs, len(chances) + classes**steps)
    assert {tuple(labels): pytest.approx(np.exp(p)) for labels, p in found} == chances
    assert chances[tuple(found[0][0])] == pytest.approx(max(chances.values()))


@pytest.mark.parametrize("seed", range(3))
def test_padding_never_leaks(lesson, seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(10, 60, 5)
    labels = [rng.integers(1, 11, rng.integers(0, 2)) for _ in lengths]
    labels[0] = np.array([3])
    network = lesson.Recognizer(hidden=6)
    true = rng.standard_normal((5, 26, 60)).astype("float32")
    results = []
    for more, fill in ((0, 0.0), (0, 5.0), (17, -2.0)):
        X = np.full((5, 26, 60 + more), fill, "float32")
        for row, clip, length in zip(X, true, lengths, strict=True):
            row[:, :length] = clip[:, :length]
        for p in network.parameters():
            p.grad = None
        loss = lesson.batch_loss(network, X, lengths, labels)
        loss.backward()
        results.append([loss.item(), *(p.grad.numpy().copy() for p in network.parameters())])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_fast_hears_digits_and_names_what_is_planted(run_lesson):
    run = run_lesson(NAME, "--fast")
    figures = run.figures
    assert figures["beam"]["label_error_rate"] < 20 and figures["placed"] > 80
    assert figures["beam_lead"] > 1 and figures["leak"] < 1e-4
    assert figures["losses"]["1"] > 5 > figures["losses"]["6"] > figures["losses"]["24"]
    broken = figures["broken"]
    assert broken["totals"]["extend"] == pytest.approx(1)
    assert broken["totals"]["skip_any_blank"] > 1.01
    assert broken["without_log_softmax"] < 0 and broken["leaking"] > 1e-3
    assert 0 < broken["underflow"] <= 500
    for picture in ("idea", "alignment", "growth", "training"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_run_reads_unheard_speakers(run_lesson, seed):
    figures = run_lesson(NAME, "--seed", seed).figures
    assert figures["greedy"]["label_error_rate"] < 5
    assert figures["beam"]["label_error_rate"] < 5 and figures["beam"]["exact"] > 90
    assert figures["placed"] > 90
