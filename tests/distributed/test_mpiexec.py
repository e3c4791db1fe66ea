"""Real jobs of MPI: mpiexec starts this package on two ranks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mpi4py")
HERE = Path(__file__).parent
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent),
                                                        os.environ.get("PATH", "")]))
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec")


def job(ranks, *command):
    """The result of `python command` on some ranks."""
    allowed = dict.fromkeys(  # Open MPI asks, MPICH does not
        ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), "1")
    environment = os.environ | allowed | {
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OPENBLAS_NUM_THREADS": "1",
        "TINYGRAD_DLS_NUM_THREADS": "1"}
    environment.pop("PMIX_RANK", None)
    return subprocess.run(
        [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, command)], env=environment,
        capture_output=True, text=True, timeout=300)


def test_a_shared_training_has_the_losses_and_gradients_of_one_process(tmp_path):
    """The command of the documentation, on a small batch."""
    result = job(2, "-m", "tinygrad_dls", "benchmark", "--ranks", "--cases", "lenet", "--steps",
                 3, "--batch", 8, "--json", tmp_path / "ranks.json")
    assert result.returncode == 0, result.stderr
    (row,) = json.loads((tmp_path / "ranks.json").read_text())
    assert row["ranks"] == 2 and result.stdout.count("lenet") == 1  # rank 0 alone prints
    assert row["gradient_difference"] < 1e-5 and row["loss_difference"] < 1e-5
    assert row["gradient_bytes"] < row["sent_bytes"] <= 1.05 * row["gradient_bytes"]
    assert 0 <= row["hidden"] <= 1 and row["losses"][-1] != row["losses"][0]


def test_a_job_ends_with_its_own_message_and_goes_on_to_the_bit(tmp_path):
    whole = job(2, HERE / "ends.py", "well", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    for how, said in [
        ("raise", "rank 1 ends the job:\nTraceback"), ("kill", ""),
        ("leave", "rank 0: RankError: rank 1 ended while rank 0 waits"),
        ("hang", "RankError: rank 0 has waited 2 s"), ("catch", ""),
    ]:
        result = job(2, HERE / "ends.py", how, tmp_path / how)
        assert result.returncode != 0 and not result.stdout.startswith("0x")
        assert said in result.stderr, result.stderr
        assert how != "raise" or "ValueError: my own mistake" in result.stderr
        assert how != "hang" or "rank 1 did not answer" in result.stderr
        if how != "kill":
            shutil.rmtree(tmp_path / how)
    resumed = job(2, HERE / "ends.py", "well", tmp_path / "kill")
    assert resumed.stdout == whole.stdout, resumed.stderr


def test_without_the_extra_one_line_says_what_to_install(tmp_path):
    code = ("import sys, importlib.util as u; f = u.find_spec\n"
            "u.find_spec = lambda n, *a: None if n == 'mpi4py' else f(n, *a)\n"
            "from tinygrad_dls.cli import main; sys.exit(main(['benchmark', '--ranks']))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == ("tinygrad-dls: training on several processes needs MPI: pip install "
                             "'tinygrad_dls[mpi]'\n")


def test_the_program_of_the_documentation_has_one_loss_on_one_rank_and_two(tmp_path):
    text = (HERE.parents[1] / "docs" / "from-one-core-to-many.md").read_text("utf-8")
    program, loop = (block.split("```")[0] for block in text.split("```python\n")[1:3])
    (tmp_path / "train.py").write_text(program)
    (tmp_path / "both.py").write_text(program + loop)  # the loop goes on after fit
    one, two = job(1, tmp_path / "train.py"), job(2, tmp_path / "both.py")
    assert one.returncode == two.returncode == 0, one.stderr + two.stderr
    assert one.stdout.startswith("1 ranks, loss 0.") and two.stdout.startswith("2 ranks")
    assert one.stdout.split()[2:] == two.stdout.split()[2:]
