"""Where lessons' data come from: `load("cats")` takes the best there is and says what it is."""

from tinygrad_dls.data.sources.fetching import fetch
from tinygrad_dls.data.sources.folders import cache_folder, course_folder, mirror_folder
from tinygrad_dls.data.sources.generated import extra_sets, flower
from tinygrad_dls.data.sources.loading import load
from tinygrad_dls.data.sources.locating import Place, Where, locate, places
from tinygrad_dls.data.sources.sets import Arrays, Files, Images, Loaded, Points
from tinygrad_dls.data.sources.table import SOURCES, Source, find

__all__ = [
    "SOURCES",
    "Arrays",
    "Files",
    "Images",
    "Loaded",
    "Place",
    "Points",
    "Source",
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
