"""What reaches standard output and files: strict JSON from the real process, and whole files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import highspy
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels._writing import write_whole
from cli_cases import (
    python,
    strict,
    wide_table,
    write_folder,
)

#: C prints while a command runs, as HiGHS does when Pyomo or CVXPY makes a solver.
_BANNER = """
import ctypes, sys
import arbmodels.cli.app
program = sys.modules["arbmodels.cli.app"]
inside = program.app
program.app = lambda **how: (ctypes.CDLL(None).puts(b"a banner of C"), inside(**how))
program.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the C library by that name")
@pytest.mark.parametrize(
    ("code", "line"),
    [
        (None, "formulations check budget_routing --instances 2 --json"),
        (None, "formulations check template --instances 2 --json"),
        (_BANNER, "info market --json"),
    ],
)
def test_the_real_standard_output_is_json_whatever_c_prints(
    code: str | None, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "market")
    done = python(*(["-m", "arbmodels"] if code is None else ["-c", code]), *line.split())
    assert done.returncode == 0, done.stderr
    assert strict(done.stdout)
    assert ("a banner of C" in done.stderr) == (code is not None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_an_error(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "market")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "arbmodels", "info", str(folder), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


#: Every way in which a command writes a file, by its ending.
_WRITERS = {
    "routing.mps": "route market --budget 0.5 --export {}",
    "routing.lp": "route market --budget 0.5 --export {}",
    "assignment.csv": "route market --budget 0.5 --output {}",
    "assignment.parquet": "route market --budget 0.5 --output {}",
    "margin.png": "margin market --plot {}",
    "frontier.pdf": "frontier market --plot {}",
    "margins.csv": "cross-validate market --folds 2 --repeats 1 --output {}",
    "parts": "stream table.parquet --solve p_x,p_y --spend c_x,c_y --budget 9 --output {}",
}

#: As on a full disk, but for this process only: no file may grow beyond some bytes.
_LIMITED = """
import resource, sys
from arbmodels.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on files")
@pytest.mark.parametrize("name", _WRITERS)
def test_a_file_that_does_not_fit_is_an_error_and_leaves_the_old_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "market")
    line = _WRITERS[name].format(name).split()
    if name == "parts":
        wide_table(Path("table.parquet"))
    else:
        Path(name).write_bytes(b"of before")
        line.append("--force")
    before = {path.name for path in tmp_path.rglob("*")}
    # Compiled kernels would be files that are written, too.
    done = python("-c", _LIMITED, *line, NUMBA_DISABLE_JIT="1")
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    left = {path.name for path in tmp_path.rglob("*")}
    if name == "parts":
        assert not list((tmp_path / "parts").glob("*"))
    else:
        assert Path(name).read_bytes() == b"of before"
        assert left == before


def test_a_program_cut_short_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = arb.load_market(write_folder(tmp_path / "market"))
    problem = arb.RoutingProblem(market).add_budget(0.5)
    highs = highspy.Highs
    whole = highs.writeModel

    def cut(self: object, path: str) -> object:
        status = whole(self, path)
        lines = Path(path).read_bytes().splitlines(keepends=True)
        # What is lost may lie in the middle.
        Path(path).write_bytes(b"".join(lines[:20] + lines[30:]))
        return status

    monkeypatch.setattr(highs, "writeModel", cut)
    for ending in (".mps", ".lp"):
        with pytest.raises(arb.InputError, match=r"cannot be written.*cut short"):
            problem.export(tmp_path / f"program{ending}")
    assert not list(tmp_path.glob("*program*"))


def test_links_and_devices(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    frame = pd.DataFrame({"a": np.arange(3)})
    assert write_whole(link, frame.to_csv) == link
    assert link.is_symlink()
    assert len(pd.read_csv(target)) == 3
    for device in filter(Path.exists, (Path("/dev/full"), Path("/dev/null"))):
        with pytest.raises(arb.InputError, match="not an ordinary file"):
            write_whole(device, frame.to_csv)
        assert device.is_char_device()
    with pytest.raises(arb.InputError, match="is a folder"):
        write_whole(tmp_path, frame.to_csv)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", "target.csv"]
