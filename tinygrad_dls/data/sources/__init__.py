"""Data of the lessons: `load("cats")` takes the best copy there is and says which one it is."""

from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from .fetching import fetch
from .folders import cache_folder, course_folder, mirror_folder
from .generated import extra_sets, flower
from .loading import load
from .locating import Place, Where, locate, places
from .sets import (
    Arrays,
    Entity,
    Files,
    Images,
    LabelledTexts,
    Loaded,
    Pairs,
    Points,
    Questions,
    TaggedTexts,
    Text,
)
from .table import SOURCES, Source, find

__all__ = [
    "SOURCES",
    "Arrays",
    "Entity",
    "Files",
    "Images",
    "LabelledTexts",
    "Loaded",
    "Pairs",
    "Place",
    "Points",
    "Questions",
    "Source",
    "TaggedTexts",
    "Text",
    "Where",
    "cache_folder",
    "course_folder",
    "extra_sets",
    "fetch",
    "find",
    "flower",
    "load",
    "locate",
    "mirror_folder",
    "places",
]

_answer_wrong_names(globals())
