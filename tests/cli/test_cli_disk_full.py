"""The real program on a disk of a few hundred kilobytes, and again when it has room."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mounts import apart

PROGRAM = '''\
task make(i: int) -> (part: file = "out/{{i}}", note: file) {
  sh """
    head -c 20000 /dev/zero > {{part}}
    echo {{i}} > {{note}}
  """
}

task words(i: int) -> list[str] {
  python """
    return [str(i)] * 2000
  """
}

parts = [make(i) for i in range(8)]
lists = [words(i) for i in range(4)]
output sizes = [size(p.part) for p in parts]
output count = sum([len(l) for l in lists])
'''

# In a mount namespace of its own, so that nothing stays mounted: the folder is a small disk, then a large one.
DRIVER = """\
import json, os, subprocess, sys
folder, size = sys.argv[1], sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", folder], check=True)
os.chdir(folder)
open("p.csc", "w").write(sys.argv[3])
os.mkdir("out")
open("out/earlier", "w").write("earlier")

def cascade(*words):
    done = subprocess.run([sys.executable, "-m", "cascade_dsl", *words], capture_output=True, text=True, timeout=100)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

found = {"full": cascade("run", "p.csc"), "earlier": open("out/earlier").read()}
subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
found["continue"] = cascade("continue")
found["run"] = cascade("run", "p.csc")
found["left"] = [n for n in os.listdir("out") if n.startswith(".")] + [n for n in os.listdir(".cascade/blobs") if n[0] == "."]
print(json.dumps(found))
"""
SAID = re.compile(
    r"error\[(CSC70[026]|CSC740)\]: |No space left|cannot be written|could not be |the disk is full|ended by|exit \d"
)
SIZES = (24, 96, 170, 220, 330)


def on_a_disk_of(size_kb: int, base: Path) -> dict[str, Any]:
    folder, runtime = base / "disk", base / "runtime"
    folder.mkdir()
    runtime.mkdir(mode=0o700)
    env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    done = subprocess.run(
        [*apart(), sys.executable, "-c", DRIVER, str(folder), str(size_kb), PROGRAM],
        capture_output=True, text=True, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(300)
def test_a_full_disk_is_said_and_costs_nothing_that_was_done(tmp_path: Path) -> None:
    full = 0
    for size_kb in SIZES:
        base = tmp_path / str(size_kb)
        base.mkdir()
        found = on_a_disk_of(size_kb, base)
        refused = found["full"]
        assert found["earlier"] == "earlier"
        if refused["code"] != 0:
            full += 1
            assert refused["code"] in (1, 2), (size_kb, refused)
            assert SAID.search(refused["err"]), (size_kb, refused)
        for said in (refused, found["continue"], found["run"]):
            assert "Traceback" not in said["err"], (size_kb, said)
            assert "CSC900" not in said["err"], (size_kb, said)
        assert found["continue"]["code"] in (0, 1, 2), (size_kb, found["continue"])
        assert found["run"]["code"] == 0, (size_kb, found["run"])
        assert found["run"]["out"] == f"sizes = {[20000] * 8}\ncount = 8000\n"
        assert found["left"] == []
    assert full >= 4
