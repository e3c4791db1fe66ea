"""Short English sentences with their French, made by a small grammar: no data of anybody else.

French asks for what a dictionary word by word cannot give: adjectives agree with their noun, and
most of them follow it ("the white house", "la maison blanche"); "does not see" becomes two words
around the verb ("ne voit pas"), "often" moves behind it, and "her" in front of it.
"""

from collections.abc import Mapping

import numpy as np

from .sets import Pairs

COUNT = 5_000

PEOPLE = {  # English singular and plural, French singular and plural, feminine
    "boy": ("boys", "garçon", "garçons", False), "girl": ("girls", "fille", "filles", True),
    "king": ("kings", "roi", "rois", False), "queen": ("queens", "reine", "reines", True),
    "doctor": ("doctors", "médecin", "médecins", False),
    "baker": ("bakers", "boulanger", "boulangers", False),
    "singer": ("singers", "chanteuse", "chanteuses", True),
    "mother": ("mothers", "mère", "mères", True),
    "painter": ("painters", "peintre", "peintres", False),
    "neighbour": ("neighbours", "voisine", "voisines", True),
}
THINGS = {
    "book": ("books", "livre", "livres", False), "letter": ("letters", "lettre", "lettres", True),
    "house": ("houses", "maison", "maisons", True), "car": ("cars", "voiture", "voitures", True),
    "garden": ("gardens", "jardin", "jardins", False),
    "boat": ("boats", "bateau", "bateaux", False),
    "flower": ("flowers", "fleur", "fleurs", True), "table": ("tables", "table", "tables", True),
    "cake": ("cakes", "gâteau", "gâteaux", False), "key": ("keys", "clef", "clefs", True),
}
BEFORE = {  # masculine, feminine, and the plurals of both; they precede the noun
    "small": ("petit", "petite", "petits", "petites"),
    "big": ("grand", "grande", "grands", "grandes"),
    "old": ("vieux", "vieille", "vieux", "vieilles"),
    "pretty": ("joli", "jolie", "jolis", "jolies"),
}
COLOURS = {  # they follow it
    "black": ("noir", "noire", "noirs", "noires"),
    "white": ("blanc", "blanche", "blancs", "blanches"),
    "green": ("vert", "verte", "verts", "vertes"),
    "strange": ("bizarre", "bizarre", "bizarres", "bizarres"),
}
MOODS = {  # so do these
    "tired": ("fatigué", "fatiguée", "fatigués", "fatiguées"),
    "happy": ("content", "contente", "contents", "contentes"),
    "famous": ("célèbre", "célèbre", "célèbres", "célèbres"),
    "funny": ("drôle", "drôle", "drôles", "drôles"),
}
DETERMINERS = {
    "the": ("le", "la", "les", "les"), "my": ("mon", "ma", "mes", "mes"),
    "this": ("ce", "cette", "", ""), "these": ("", "", "ces", "ces"),
}
VERBS = {  # English third person and base form, French singular and plural
    "see": ("sees", "voit", "voient"), "take": ("takes", "prend", "prennent"),
    "find": ("finds", "trouve", "trouvent"), "sell": ("sells", "vend", "vendent"),
    "draw": ("draws", "dessine", "dessinent"), "carry": ("carries", "porte", "portent"),
    "hide": ("hides", "cache", "cachent"), "lose": ("loses", "perd", "perdent"),
}
MEETINGS = {  # the same of people
    "see": ("sees", "voit", "voient"), "know": ("knows", "connaît", "connaissent"),
    "thank": ("thanks", "remercie", "remercient"), "draw": ("draws", "dessine", "dessinent"),
}
PRONOUNS = {"him": "le", "her": "la", "them": "les"}
PLACES = {"today": "aujourd'hui", "here": "ici", "every day": "chaque jour", "now": "maintenant"}


def phrases(count: int = COUNT, seed: int = 1) -> Pairs:
    """Return `count` distinct sentences, lower-cased, each ending in " .", and their French."""
    rng = np.random.default_rng(seed)
    made: dict[str, str] = {}
    while len(made) < count:
        english, french = _sentence(rng)
        made.setdefault(f"{english} .", f"{french} .")
    return Pairs(sources=tuple(made), targets=tuple(made.values()))


def _sentence(rng: np.random.Generator) -> tuple[str, str]:
    subject, sujet, plural = _noun_phrase(rng, PEOPLE, MOODS)
    meets = rng.random() < 0.25
    verbs = MEETINGS if meets else VERBS
    base = _one_of(rng, verbs)
    third, singular_verb, plural_verb = verbs[base]
    verb, verbe = (base, plural_verb) if plural else (third, singular_verb)
    negated, often = rng.random() < 0.3, rng.random() < 0.2
    if negated:
        verb, verbe = f"{'do' if plural else 'does'} not {base}", f"{verbe} pas"
    elif often:
        verb, verbe = f"often {verb}", f"{verbe} souvent"
    if meets:
        pronoun = _one_of(rng, PRONOUNS)
        english, french = f"{verb} {pronoun}", f"{PRONOUNS[pronoun]} {verbe}"
    else:
        thing, chose, _ = _noun_phrase(rng, THINGS, COLOURS)
        english, french = f"{verb} {thing}", f"{verbe} {chose}"
    if negated:
        french = f"ne {french}"
    if rng.random() < 0.2:
        where = _one_of(rng, PLACES)
        english, french = f"{english} {where}", f"{french} {PLACES[where]}"
    return f"{subject} {english}", f"{sujet} {french}"


def _noun_phrase(
    rng: np.random.Generator, nouns: Mapping[str, tuple[str, str, str, bool]],
    following: Mapping[str, tuple[str, str, str, str]],
) -> tuple[str, str, bool]:
    """English, French, and whether it is a plural; `following`: adjectives behind the noun."""
    noun, plural = _one_of(rng, nouns), bool(rng.random() < 0.4)
    nouns_plural, nom, noms, feminine = nouns[noun]
    determiner = ("the", "my", "these" if plural else "this")[int(rng.integers(3))]
    form = 2 * plural + feminine
    english, french = (nouns_plural, noms) if plural else (noun, nom)
    if rng.random() < 0.5:
        known = BEFORE if rng.random() < 0.5 else following
        adjective = _one_of(rng, known)
        agreeing = known[adjective][form]
        english = f"{adjective} {english}"
        french = f"{agreeing} {french}" if known is BEFORE else f"{french} {agreeing}"
    return f"{determiner} {english}", f"{DETERMINERS[determiner][form]} {french}", plural


def _one_of(rng: np.random.Generator, table: Mapping[str, object]) -> str:
    return list(table)[int(rng.integers(len(table)))]
