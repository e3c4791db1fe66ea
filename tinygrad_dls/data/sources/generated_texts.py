"""Texts made by seeded code: they stand in for the course's sentences and for fetched reviews."""

import numpy as np

from .sets import LabelledTexts

Rng = np.random.Generator
EMOJIS = ("heart", "baseball", "smile", "disappointed", "fork and knife")
MIXED = 0.35  # of the remarks on parts of a film that differ from the verdict
FOR_TEST = 2  # of the words that fill a template: these are in test sentences only
PER_CLASS = 50, 26  # sentences for training and for test

# A row for each emoji: templates, and the words that fill them. All are common words.
_SENTENCES: tuple[tuple[tuple[str, ...], dict[str, tuple[str, ...]]], ...] = (
    (
        ("my {who} loves me", "she is my {dear} {who}", "we miss our {who} so much",
         "he gave his {who} a {dear} kiss", "their {who} is in love", "i love my {dear} {who}",
         "he wants to marry my {who}", "my heart belongs to my {who}"),
        {"who": ("daughter", "mother", "wife", "son", "sister", "husband", "brother", "baby",
                 "girlfriend", "father"),
         "dear": ("beautiful", "sweet", "little", "beloved", "precious")},
    ),
    (
        ("let us play {game} tonight", "who won the {game} {match}", "they practice {game} all day",
         "our {game} team lost the {match}", "he is the best {game} player",
         "how many points did they score in the {match}", "the {game} coach is here",
         "she wants to watch the {match}"),
        {"game": ("baseball", "football", "tennis", "basketball", "soccer", "hockey", "golf",
                  "cricket", "rugby", "volleyball"),
         "match": ("match", "game", "final", "tournament", "season")},
    ),
    (
        ("this is {good} news", "you did {good} work", "the {event} was {good}",
         "we smiled during the whole {event}", "that {event} made us {glad}",
         "i am so {glad} today", "thank you for the {good} {event}",
         "this is not {bad} news", "i am not {sad} at all"),
        {"good": ("great", "wonderful", "excellent", "brilliant", "fantastic", "amazing"),
         "glad": ("happy", "proud", "pleased", "delighted", "excited", "satisfied"),
         "bad": ("terrible", "awful", "bad", "horrible", "tragic", "shocking"),
         "sad": ("angry", "sad", "upset", "disappointed", "worried", "unhappy"),
         "event": ("party", "celebration", "victory", "holiday", "festival", "ceremony")},
    ),
    (
        ("this is {bad} news", "you did {bad} work", "she was so {sad} about the {loss}",
         "the {loss} made us {sad}", "i am very {sad} today", "he did not answer my questions",
         "this is not {good} news", "i am not {glad} at all",
         "nobody told me about this {bad} {loss}"),
        {"bad": ("terrible", "awful", "bad", "horrible", "tragic", "shocking"),
         "sad": ("angry", "sad", "upset", "disappointed", "worried", "unhappy"),
         "good": ("great", "wonderful", "excellent", "brilliant", "fantastic", "amazing"),
         "glad": ("happy", "proud", "pleased", "delighted", "excited", "satisfied"),
         "loss": ("failure", "accident", "mistake", "loss", "problem", "delay")},
    ),
    (
        ("i want to eat {food}", "we had {food} for {meal}", "do you like {food}",
         "she cooked {food} with {side}", "let us have {meal} together",
         "this {food} is fresh and hot", "he ordered {food} and {side}", "{meal} is ready now"),
        {"food": ("pizza", "chicken", "bread", "soup", "rice", "fish", "cheese", "cake", "eggs",
                  "beef"),
         "side": ("salad", "potatoes", "vegetables", "fruit", "beans", "corn"),
         "meal": ("dinner", "lunch", "breakfast")},
    ),
)

_GOOD = ("good", "great", "wonderful", "excellent", "brilliant", "funny", "moving", "clever")
_BAD = ("bad", "terrible", "awful", "boring", "dull", "stupid", "weak", "poor")
_PARTS = ("story", "acting", "music", "ending", "camera work", "dialogue", "cast", "plot")
_WHOLE = ("film", "movie", "picture")
_NEUTRAL = (
    "i saw this {whole} last week .", "the {part} is by a new team .",
    "it is about a family in a small town .", "the {whole} runs for two hours .",
    "my brother went with me .", "the {part} comes from an old book .",
)
_VERDICTS = {  # of the film as a whole: {same} has the sign of the verdict, {other} has not
    "plain": ("in the end this is a {same} {whole} .", "all in all the {whole} was {same} ."),
    "negated": ("in the end this is not a {other} {whole} .",
                "all in all the {whole} was never {other} ."),
    "turned": ("i expected a {other} {whole} but it was {same} .",
               "the {part} was {other} but the {whole} was {same} .",
               "the {whole} was {same} although the {part} was {other} .",
               "it is {same} and not {other} ."),
}


def emoji_sentences(seed: int = 1) -> LabelledTexts:
    """Return sentences of five kinds, 250 for training and 130 for test; labels 0 to 4.

    Half of the test sentences are filled with words that no training sentence has: only a model
    that knows what words mean can tell their kind. Some sentences of the kinds 2 and 3 turn on
    "not".
    """
    rng = np.random.default_rng(seed)
    train, test = PER_CLASS
    parts: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    for label, (templates, words) in enumerate(_SENTENCES):
        common = {kind: options[:-FOR_TEST] for kind, options in words.items()}
        new = {kind: options[-FOR_TEST:] for kind, options in words.items()}
        seen: set[str] = set()
        for name, count, options in (
            ("train", train, common), ("test", test // 2, common), ("test", test // 2, new),
        ):
            made = _distinct(rng, templates, options, count, seen)
            parts[name] += [(sentence, label) for sentence in made]
    return _texts(rng, parts["train"], parts["test"], EMOJIS)


def reviews(seed: int = 1) -> LabelledTexts:
    """Return reviews of three to six sentences, 3,000 for training and 600 for test; 1 = for it.

    A verdict on the film decides. Half of the verdicts depend on the order of words ("not bad",
    "weak, but the film was great"); the other sentences praise and blame parts of the film, most of
    them as the verdict does, or say nothing.
    """
    rng = np.random.default_rng(seed)
    made: list[tuple[str, int]] = []
    seen: set[str] = set()
    while len(made) < 3_600:
        label = int(rng.integers(2))
        text = _review(rng, label)
        if text not in seen:
            seen.add(text)
            made.append((text, label))
    return _texts(rng, made[:3_000], made[3_000:], ("against", "for"))


def _review(rng: Rng, label: int) -> str:
    signs = (_BAD, _GOOD)
    kind = ("plain", "plain", "negated", "turned")[rng.integers(4)]
    verdict = _fill(rng, _pick(rng, _VERDICTS[kind]),
                    {"same": signs[label], "other": signs[1 - label]})
    others = [_fill(rng, _pick(rng, _NEUTRAL)) for _ in range(rng.integers(1, 4))]
    for _ in range(rng.integers(1, 3)):
        sign = signs[label ^ int(rng.random() < MIXED)]
        others.append(_fill(rng, "the {part} was {any} .", {"any": sign}))
    others.insert(int(rng.integers(len(others) + 1)), verdict)
    return " ".join(others)


def _fill(rng: Rng, template: str, options: dict[str, tuple[str, ...]] | None = None) -> str:
    """Replace each {name} of a template by one of its options."""
    options = {"whole": _WHOLE, "part": _PARTS} | (options or {})
    chosen = {name: _pick(rng, choice) for name, choice in options.items()}
    return template.format(**chosen)


def _distinct(
    rng: Rng, templates: tuple[str, ...], options: dict[str, tuple[str, ...]], count: int,
    seen: set[str],
) -> list[str]:
    """Draw `count` sentences that are not in `seen`, and add them to it."""
    made: list[str] = []
    while len(made) < count:
        fillers = {name: _pick(rng, choice) for name, choice in options.items()}
        sentence = _pick(rng, templates).format(**fillers)
        if sentence not in seen:
            seen.add(sentence)
            made.append(sentence)
    return made


def _pick(rng: Rng, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _texts(
    rng: Rng, train: list[tuple[str, int]], test: list[tuple[str, int]], classes: tuple[str, ...]
) -> LabelledTexts:
    """Both parts, each in a random order."""
    arrays: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name, part in (("train", train), ("test", test)):
        order = rng.permutation(len(part))
        arrays[name] = (tuple(part[i][0] for i in order),
                        np.array([part[i][1] for i in order], np.int64))
    return LabelledTexts(
        train_texts=arrays["train"][0], train_y=arrays["train"][1],
        test_texts=arrays["test"][0], test_y=arrays["test"][1], classes=np.array(classes),
    )
