"""Short stories with a question each, of the form of bAbI's fourth task (Weston et al. 2015).

Three rooms stand in a line; two sentences say how the middle one and each of its neighbours stand
to each other, and a question asks for one end of one of these relations.
"""

from pathlib import Path

import numpy as np

from ...errors import FormatError
from .arrow import read_arrow
from .sets import Questions

ROOMS = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
OPPOSITE = {"north": "south", "south": "north", "east": "west", "west": "east"}
Story = tuple[str, str, str]  # the story, the question, the answer


def babi_questions(files: tuple[Path, ...]) -> Questions:
    """The 1,000 stories for training and the 1,000 for test, of two Arrow streams."""
    return _questions(*(_read(path) for path in files))


def made_questions(count: int = 1_000, test: int = 1_000, seed: int = 1) -> Questions:
    """Return `count` stories for training and `test` others, made by the same rules.

    No story of the test set, with its question, is in the training set.
    """
    rng = np.random.default_rng(seed)
    distinct: dict[Story, None] = {}
    while len(distinct) < count + test:
        distinct[_story(rng)] = None
    stories = list(distinct)
    return _questions(stories[:count], stories[count:])


def _questions(train: list[Story], test: list[Story]) -> Questions:
    columns = [tuple(column) for part in (train, test) for column in zip(*part, strict=True)]
    return Questions(
        train_contexts=columns[0], train_questions=columns[1], train_answers=columns[2],
        test_contexts=columns[3], test_questions=columns[4], test_answers=columns[5])


def _read(path: Path) -> list[Story]:
    rows = read_arrow(path)
    try:
        stories = [row["story"] for row in rows]
        found = [(" ".join(story["text"][:-1]), story["text"][-1], story["answer"][-1])
                 for story in stories]
        if not found or not all(answer in context for context, _, answer in found):
            raise FormatError(f"{path} has a story that does not hold its answer")
        return found
    except (KeyError, IndexError, TypeError) as error:
        raise FormatError(f"{path} holds no stories with questions: {error!r}") from None


def _story(rng: np.random.Generator) -> Story:
    left, middle, right = (ROOMS[i] for i in rng.permutation(len(ROOMS))[:3])
    direction = list(OPPOSITE)[rng.integers(4)]  # from the middle to `left`
    pairs = [(left, direction), (right, OPPOSITE[direction])]
    facts = []
    for room, side in pairs:  # said from one end or from the other
        if rng.random() < 0.5:
            facts.append(f"The {room} is {side} of the {middle}.")
        else:
            facts.append(f"The {middle} is {OPPOSITE[side]} of the {room}.")
    if rng.random() < 0.5:
        facts.reverse()
    room, side = pairs[rng.integers(2)]
    question, answer = (
        (f"What is {side} of the {middle}?", room),
        (f"What is {OPPOSITE[side]} of the {room}?", middle),
        (f"What is the {room} {side} of?", middle),
        (f"What is the {middle} {OPPOSITE[side]} of?", room),
    )[rng.integers(4)]
    return " ".join(facts), question, answer
