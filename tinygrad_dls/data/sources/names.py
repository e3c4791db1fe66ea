"""Names of dinosaurs that never were, of the Greek and Latin roots that real ones are made of."""

import numpy as np

from .sets import Text

COUNT = 1536  # as many as in the course's file
FIRST = (
    "acantho", "acro", "allo", "alti", "amphi", "ankylo", "aristo", "austro", "baro", "bary",
    "brachy", "calamo", "campto", "carno", "cerato", "chasmo", "coelo", "cory", "crypto", "cyclo",
    "dasy", "deino", "dicra", "dino", "dolicho", "draco", "echino", "edmonto", "elapho", "eo",
    "eu", "galli", "giga", "gigano", "gonio", "gryo", "gypo", "hadro", "haplo", "hespero",
    "hetero", "hyla", "hypsi", "iso", "kentro", "lepto", "lopho", "macro", "maia", "mega", "mei",
    "micro", "mono", "nano", "neo", "nodo", "notho", "nycto", "oloro", "ornitho", "ortho", "ovi",
    "pachy", "palaeo", "paro", "pelo", "penta", "plateo", "poly", "proto", "psitta", "ptero",
    "rhabdo", "rugo", "salto", "sauro", "scelido", "sino", "spino", "stego", "steno", "stygi",
    "styraco", "syn", "tarbo", "teno", "thesce", "titano", "toro", "trachy", "tri", "troo",
    "tyranno", "ultra", "veloci", "xeno", "yang", "zephyro", "zuni",
)
MIDDLE = ("", "", "", "cephalo", "cerco", "cheiro", "crani", "derma", "gnatho", "lopho", "morpho",
          "nycho", "odonto", "ops", "pelto", "ptery", "rhino", "rostro", "spondylo", "stomo")
LAST = ("saurus", "saurus", "saurus", "saurus", "ceratops", "ceratops", "don", "dromeus", "mimus",
        "nyx", "odon", "raptor", "raptor", "suchus", "tholus", "titan", "venator", "pteryx",
        "ornis", "gnathus", "lestes", "pelta", "rex")


def dinosaur_names(count: int = COUNT, seed: int = 1) -> Text:
    """Return `count` distinct names, a line each, sorted: "Acanthopeltosaurus"."""
    rng = np.random.default_rng(seed)
    names: set[str] = set()
    while len(names) < count:
        parts = [part[rng.integers(len(part))] for part in (FIRST, MIDDLE, LAST)]
        names.add("".join(parts).capitalize())
    return Text(text="\n".join(sorted(names)))
