"""Checks for the exercises of c4w4-face-recognition."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched

rng = np.random.default_rng(5)
NAMES = ("anchor", "positive", "negative")
POINTS = dict(zip(NAMES, rng.standard_normal((3, 9, 4)), strict=True))


def loss_of(p, alpha):
    """One triplet after the other."""
    total = 0.0
    for a, q, n in zip(*(p[name] for name in NAMES), strict=True):
        total += max(0.0, sum((a - q) ** 2) - sum((a - n) ** 2) + alpha)
    return total


def test_triplet_loss(lesson):
    y_pred = [POINTS[name] for name in NAMES]
    with untouched(y_pred=y_pred):
        mine = lesson.triplet_loss(None, y_pred, 0.5)
    same("the loss", mine, loss_of(POINTS, 0.5),
         "squared distances, each triplet cut off at 0, then the sum")
    same("the loss with the default", lesson.triplet_loss(None, y_pred), loss_of(POINTS, 0.2),
         "alpha is 0.2 if nobody says otherwise")
    a, p, n = np.zeros((1, 2)), np.array([[0.6, 0.0]]), np.array([[0.0, 0.7]])
    same("the loss of the example by hand", lesson.triplet_loss(None, [a, p, n]), 0.07)
    same("a triplet far apart", lesson.triplet_loss(None, [a, p, 10 * n]), 0.0, "never below 0")


def test_triplet_loss_backward(lesson):
    y_pred = [POINTS[name] for name in NAMES]
    for alpha in (0.2, 3.0):
        with untouched(y_pred=y_pred):
            mine = lesson.triplet_loss_backward(y_pred, alpha)
        assert len(mine) == 3, f"{len(mine)} gradients, there are three: anchor, positive, negative"
        gradients(lambda p, alpha=alpha: loss_of(p, alpha), POINTS,
                  {f"d{name}": d for name, d in zip(NAMES, mine, strict=True)},
                  hint="a triplet that is far enough apart has no gradient")
    origin, ends = np.zeros((1, 2)), [np.array([[0.6, 0.0]]), np.array([[0.0, 0.7]])]
    example = lesson.triplet_loss_backward([origin, *ends])
    same("the gradients of the example by hand, alpha = 0.2", np.concatenate(example),
         [[-1.2, 1.4], [1.2, 0.0], [0.0, -1.4]])
    far = lesson.triplet_loss_backward([origin, ends[0], np.array([[0.0, 0.9]])])
    same("the gradients of a triplet far apart", np.concatenate(far), np.zeros((3, 2)))
    edge = lesson.triplet_loss_backward([origin, np.array([[2.0, 0.0]]), np.array([[0.0, 3.0]])], 5)
    same("the gradients where the loss has just become 0", np.concatenate(edge), np.zeros((3, 2)))


def test_normalize(lesson):
    z = rng.standard_normal((5, 3))
    with untouched(z=z):
        mine = lesson.normalize(z)
    same("f", mine, [row / np.linalg.norm(row) for row in z], "each row by its own length")


def test_normalize_backward(lesson):
    z, df = rng.standard_normal((2, 5, 3))
    with untouched(z=z, df=df):
        mine = lesson.normalize_backward(df, z)
    gradients(
        lambda p: sum(d @ row / np.linalg.norm(row) for d, row in zip(df, p["z"], strict=True)),
        {"z": z}, {"dz": mine}, hint="the part along f is lost, the rest divided by the length",
    )


def test_hard_triplets(lesson):
    people = np.array([0, 1, 0, 2, 1, 0])
    distances = rng.random((6, 6))  # not symmetric, so that rows and columns are told apart
    np.fill_diagonal(distances, 0)
    with untouched(distances=distances, people=people):
        positives, negatives = result(
            "hard_triplets", lesson.hard_triplets(distances, people), 2
        )
    for anchor, person in enumerate(people):
        own = [k for k in range(6) if people[k] == person]
        others = [k for k in range(6) if people[k] != person]
        same(f"the hardest positive of {anchor}", positives[anchor],
             max(own, key=lambda k, a=anchor: distances[a, k]), "the farthest of the same person")
        same(f"the hardest negative of {anchor}", negatives[anchor],
             min(others, key=lambda k, a=anchor: distances[a, k]), "the nearest of another person")


def test_area_under_curve(lesson):
    close, apart = rng.integers(0, 6, 7) / 2, rng.integers(2, 9, 11) / 2  # with ties
    with untouched(close=close, apart=apart):
        mine = lesson.area_under_curve(close, apart)
    right = np.mean([[(c < a) + (c == a) / 2 for a in apart] for c in close])
    same("the area", mine, right, "count the pairs (same, different) in the right order")
    same("the area of a guess", lesson.area_under_curve([1.0, 1.0], [1.0]), 0.5, "ties: half")


def test_verify(lesson):
    database = {"first": np.array([1.0, 0.0]), "second": np.array([0.0, 1.0])}
    image = np.array([4.0, 3.0])

    def model(picture):
        return picture / 5

    with untouched(database=database, image=image):
        dist, door_open = result(
            "verify", lesson.verify(image, "first", database, model), 2
        )
    same("the distance", dist, np.sqrt(0.4), "the norm of the difference, not its square")
    assert door_open, "0.632 is below 0.7: the door opens"
    assert not lesson.verify(image, "first", database, model, 0.5)[1], "0.632 is not below 0.5"
    assert not lesson.verify(image, "second", database, model)[1], "0.894 is not below 0.7"
    at = lesson.verify(np.array([5.0, 0.0]), "second", {"second": np.array([0.0, 0.0])}, model, 1)
    assert not at[1], "a distance of exactly the threshold does not open the door"


def test_who_is_it(lesson):
    database = {name: rng.standard_normal(4) for name in ("a", "b", "c", "d")}
    for name, known in database.items():
        image = known + 0.05
        with untouched(image=image):
            dist, identity = result(
                "who_is_it", lesson.who_is_it(image, database, lambda x: x), 2
            )
        assert identity == name, f"the nearest is {name}, not {identity}"
        same("the distance", dist, 0.1, "to the nearest")
    dist, identity = lesson.who_is_it(database["a"] + 0.05, database, lambda x: x, 0.05)
    assert identity is None, "0.1 is not below the threshold 0.05: nobody"
    same("the distance of nobody", dist, 0.1, "it is the distance to the nearest all the same")
    dist, identity = lesson.who_is_it(np.ones(1), {"a": np.zeros(1)}, lambda x: x, 1.0)
    assert identity is None, "a distance of exactly the threshold is nobody"


def test_same_person(lesson):
    f_A, f_B = rng.standard_normal((2, 6, 3))
    w = np.array([-2.0, -0.5, 0.3])
    with untouched(f_A=f_A, f_B=f_B, w=w):
        mine = lesson.same_person(f_A, f_B, w, 0.7)
    right = [1 / (1 + np.exp(-(np.abs(a - b) @ w + 0.7))) for a, b in zip(f_A, f_B, strict=True)]
    same("the probabilities", mine, right, "the absolute difference, then logistic regression")
