"""The project as a whole: its files, its metadata, its promises about itself."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections import Counter
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tinygrad_dls"
def rooms_of(text):
    """The list of rooms in ARCHITECTURE.md, its first block: a set for each line, the lowest first.

    A line has names, and from column 37 on what is in them.
    """
    block = text.split("```")[1].strip("\n").splitlines()
    return tuple(set(line[:37].split()) for line in reversed(block))


ROOMS = rooms_of((PACKAGE / "ARCHITECTURE.md").read_text("utf-8"))


def _room(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def _imports(path):
    """(room, at the top of the file?) of every import of our own rooms."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 0 and module.startswith("tinygrad_dls"):
                rest = module.split(".")[1:]
            elif node.level == depth:
                rest = module.split(".") if module else []
            else:
                continue
            yield from ([rest[0]] if rest else [alias.name for alias in node.names])


def test_rooms_import_only_from_rooms_below():
    level = {room: i for i, rooms in enumerate(ROOMS) for room in rooms}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        here = _room(path)
        assert here in level, f"{here} has no line in ARCHITECTURE.md: add it"
        for there in _imports(path):
            if there in level and level[there] > level[here]:
                wrong.append(f"{path.relative_to(ROOT)} imports {there}")
    assert wrong == []


def test_architecture_lists_each_room_once_and_no_other_page_does():
    listed = [room for rooms in ROOMS for room in sorted(rooms)]
    there = {_room(path) for path in PACKAGE.rglob("*.py")}
    assert len(listed) == len(set(listed)) and set(listed) == there
    for path in (ROOT / "CONTRIBUTING.md", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for block in re.findall(r"```\n(.*?)```", path.read_text("utf-8"), re.S):
            words = [set(line.split()) & there for line in block.splitlines()]
            assert sum(map(bool, words)) < 8, f"{path.name} lists the rooms again"


def test_an_import_from_a_room_above_is_found(tmp_path, monkeypatch):
    wrong = tmp_path / "engine"
    wrong.mkdir()
    (wrong / "a.py").write_text("from ..ops.op import Op\nfrom ..errors import Error\n", "utf-8")
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    with pytest.raises(AssertionError, match=r"engine/a.py imports ops"):
        test_rooms_import_only_from_rooms_below()


def test_files_have_at_most_500_lines():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 500
    }
    assert long == {}


def test_at_most_nine_modules_lie_at_the_root_of_the_package():
    """Each thing has its folder; here are doors, and what pickles and users have always named."""
    assert len(list(PACKAGE.glob("*.py"))) <= 9


def test_the_table_of_operations_is_up_to_date():
    result = subprocess.run([sys.executable, ROOT / "tools" / "op_table.py", "--check"])
    assert result.returncode == 0, "run: python tools/op_table.py"


def test_type_stubs_are_up_to_date():
    result = subprocess.run([sys.executable, ROOT / "tools" / "type_stubs.py", "--check"])
    assert result.returncode == 0, "run: python tools/type_stubs.py"


def test_every_package_is_listed_for_the_wheel():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    there = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")
    }
    assert there | {"tinygrad_dls.lessons", "tinygrad_dls.datasets"} == listed


def test_importing_the_package_loads_neither_numba_nor_what_lessons_need():
    code = (
        "import sys, tinygrad_dls\n"
        "heavy = {'numba', 'matplotlib', 'sklearn', 'scipy', 'h5py', 'torch', 'PIL', 'graphviz'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "lessons/README.md",
                                  "datasets/README.md"])
def test_links_between_files_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_the_programs_of_the_readme_run(tmp_path):
    blocks = (ROOT / "README.md").read_text("utf-8").split("```python\n")[1:6]
    program = "\n".join(block.split("```")[0] for block in blocks)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Tensor([[2., 4.],\n        [6., 8.]])")
    assert "gradient check: right" in result.stdout
    assert "mine = 1/2 of it" in result.stdout
    assert "def step(x0, x1):" in result.stdout
    assert (tmp_path / "graph.svg").read_text("utf-8").rstrip().endswith("</svg>")


def test_findings_have_their_form_and_stay_out_of_the_wheel():
    for script in sorted((ROOT / "findings").iterdir()):
        if script.name == "README.md":
            continue
        text = script.read_text("utf-8")
        assert script.suffix == ".sh", script
        assert re.match(r"#!/usr/bin/env bash\n# .*\d\.\d", text), f"{script}: states no version"
        assert "\nset -euo pipefail\n" in text, script
        assert "mktemp -d" in text and "trap " in text and "==" in text, script
        assert "tinygrad_dls" not in text, f"{script} is to run without this package"
        assert len(text.splitlines()) < 60, script
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert "findings" not in config["options"]["packages"] + config["options"]["package_dir"]


def test_the_installer_leaves_out_what_has_no_wheel(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("install", ROOT / "tools" / "install.py")
    installer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installer)
    answers = {"numpy>=2.0": "", "h5py>=3.11": "ERROR: No matching distribution found for h5py",
               "pillow[x]>=10.3": "ERROR: Could not install packages: No space left on device"}

    def run(command, **_):
        errors = [answers.get(argument, "") for argument in command]
        return subprocess.CompletedProcess(command, int(any(errors)), "", "".join(errors))

    monkeypatch.setattr(installer.subprocess, "run", run)
    assert installer.install(["numpy>=2.0", "scipy>=1.13"]) == []
    assert installer.install(["numpy>=2.0", "h5py>=3.11"]) == ["h5py>=3.11"]
    with pytest.raises(SystemExit, match="No space left"):
        installer.install(["numpy>=2.0", "pillow[x]>=10.3"])
    answers["numpy>=2.0"] = "ERROR: No matching distribution found for numpy"
    with pytest.raises(SystemExit, match=r"cannot be installed: numpy>=2.0"):
        installer.install(["numpy>=2.0"])
    done = []

    class Started:
        def __init__(self, command, **_):
            done.append(command[-1])

        def poll(self):
            done.append("asked")

        def wait(self):
            done.append("waited")

    answers.clear()
    monkeypatch.setattr(installer.subprocess, "run", lambda command, **options: (
        done.append(command[-1]), run(command))[1])
    monkeypatch.setattr(installer.subprocess, "Popen", Started)
    installer.main(["viz"])  # kernels are compiled as soon as what they need is there
    assert done[0].startswith("numba") and done[1] == "warmup" and done[2].startswith("graphviz")
    assert done[-2:] == ["asked", "waited"] and "compiling kernels" in capsys.readouterr().out

    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    names = [installer.name_of(line) for line in installer.requirements(config, ["lessons", "viz"])]
    assert {"numpy", "numba", "h5py", "graphviz-pure"} <= set(names)
    names = [installer.name_of(line) for line in installer.requirements(config, ["dev"])]
    assert {"numpy", "h5py", "graphviz-pure", "mypy"} <= set(names)


def test_the_page_of_lessons_says_how_far_the_courses_are():
    text = (ROOT / "lessons/README.md").read_text("utf-8")
    count = {n: len([*(ROOT / "lessons").glob(f"course{n}_*/c{n}w*.py")]) for n in range(1, 6)}
    for course, planned in {4: 16, 5: 16}.items():
        said = f"Course {course}[^.]*? {count[course]} of {planned} lessons"
        assert count[course] == planned or re.search(said, text), said


def test_tests_have_one_scheme_of_names() -> None:
    """A file is named after its subject alone, and no test file is imported by another."""
    tests = ROOT / "tests"
    names = Counter(path.name for path in tests.rglob("test_*.py"))
    apart = [str(path) for path in tests.rglob("test_*.py")
             if names[path.name] > 1 and not (path.parent / "__init__.py").exists()]
    assert apart == [], "files of one name need an __init__.py in their folders"
    repeated = [str(path) for path in tests.rglob("test_*.py")
                if path.stem.startswith((f"test_{path.parent.name}_", "test_sources_"))]
    assert repeated == []
    of_a_test = re.compile(r"from (tests|\.)[\w.]* import .*\btest_|from [\w.]*\btest_\w+ import")
    imported = [f"{path}: {line}" for path in tests.rglob("*.py")
                for line in path.read_text("utf-8").splitlines() if of_a_test.match(line)]
    assert imported == []


def test_the_changelog_is_by_kind():
    """Each version has the headings of keepachangelog.com, and performance, each once."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.split(r"^## .*\n", text, flags=re.M)[1:]
    assert versions
    for version in versions:
        kinds = re.findall(r"^### (.*)$", version, re.M)
        known = ["Added", "Changed", "Fixed", "Removed", "Performance"]
        assert kinds == [kind for kind in known if kind in kinds]
