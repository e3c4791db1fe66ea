"""A search over processes: Optuna on a real PostgreSQL, with a worker that is killed."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna")
pytest.importorskip("psycopg2")

WORKER = """
import sys, time
import optuna
import tinygrad_dls as dls
from tinygrad_dls import nn, optim
storage, wanted, slow = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "slow"
optuna.logging.set_verbosity(optuna.logging.WARNING)

def objective(trial):
    rate = trial.suggest_float("rate", 1e-3, 1.0, log=True)
    dls.manual_seed(trial.number)
    x = dls.linspace(-1.0, 1.0, 16).reshape(-1, 1)
    model = nn.Linear(1, 1)
    opt = optim.SGD(model.parameters(), lr=rate)
    for _ in range(20):
        opt.zero_grad()
        loss = ((model(x) - 3.0 * x) ** 2).mean()
        loss.backward()
        opt.step()
    print(trial.number, flush=True)
    if slow:
        time.sleep(60)  # so that it is killed at this trial
    return loss.item()

def enough(study, trial):
    if len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))) >= wanted:
        study.stop()

url = optuna.storages.RDBStorage(
    storage, heartbeat_interval=1, grace_period=2,
    failed_trial_callback=optuna.storages.RetryFailedTrialCallback())
study = optuna.load_study(study_name="rates", storage=url)
study.optimize(objective, callbacks=[enough])
"""


def program(name):
    """A program of PostgreSQL; the Debian package has them in a folder of its own."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    return shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))


@pytest.fixture
def server():
    """The URL of a data base of its own, which ends with the test."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL is not installed")
    user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            user = {"user": pwd.getpwnam("nobody").pw_uid, "cwd": "/"}
        except KeyError:
            pytest.skip("there is no user to run PostgreSQL as")
    folder = Path(tempfile.mkdtemp(prefix="dls", dir="/tmp"))  # a socket's path must be short
    if user:
        os.chown(folder, user["user"], -1)
    socket = str(folder)

    def run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                       env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **user)

    run(initdb, "-D", socket + "/data", "-U", "dls", "--auth=trust", "--no-sync")
    run(pg_ctl, "-D", socket + "/data", "-w", "-l", socket + "/log", "-o",
        f"-k {socket} -c listen_addresses='' -c fsync=off", "start")
    try:
        yield f"postgresql+psycopg2://dls@/postgres?host={socket}"
    finally:
        run(pg_ctl, "-D", socket + "/data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Optuna calls heartbeats experimental
def test_four_workers_share_a_study_and_a_killed_one_costs_no_trial(server, tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    with_heartbeat = optuna.storages.RDBStorage(
        server, heartbeat_interval=1, grace_period=2,
        failed_trial_callback=optuna.storages.RetryFailedTrialCallback())
    study = optuna.create_study(study_name="rates", storage=with_heartbeat)

    def start(wanted, how):
        one_thread = {"TINYGRAD_DLS_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, tmp_path / "worker.py", server, str(wanted), how],
            stdout=subprocess.PIPE, text=True, env=os.environ | one_thread)

    workers = [start(12, how) for how in ("slow", "", "", "")]
    number = int(workers[0].stdout.readline())  # it is at this trial
    os.kill(workers[0].pid, signal.SIGKILL)
    for worker in workers:
        worker.communicate(timeout=300)
    assert [worker.returncode for worker in workers] == [-signal.SIGKILL, 0, 0, 0]
    end = time.monotonic() + 60
    while study.trials[number].state.name == "RUNNING":  # until its heart is known to stand still
        assert time.monotonic() < end
        time.sleep(0.5)
        optuna.storages.fail_stale_trials(study)
    last = start(sum(t.state.name == "COMPLETE" for t in study.trials) + 1, "")
    last.communicate(timeout=300)

    trials = study.get_trials()
    done = [t for t in trials if t.state.name == "COMPLETE"]
    assert [t.number for t in trials] == list(range(len(trials)))  # none lost, none twice
    assert 12 < len(done) == len(trials) - 1 and trials[number].state.name == "FAIL"
    (again,) = [t for t in done if t.system_attrs.get("failed_trial") == number]
    assert again.params == trials[number].params
    assert len({t.params["rate"] for t in trials}) == len(trials) - 1
