"""Secrets in the real program: nothing of one is left in the project, told on a stream, or seen in the list of processes."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from live_runs import Project, wait_until

SECRET = "s3cr3t/Pa$$ w\"ö'rd&<+>"
TOKEN = "ghp_A1b2C3d4E5f6G7h8I9j0"

BODIES = '''
secret PASSWORD
secret TOKEN
param names: list[str] = ["x", "y", "z"]

task shell(name: str) {
  env { P = PASSWORD, T = TOKEN }
  sh """
    set -x
    : "$P" "$T" {{name}}
    echo "plain $P"; printf 'halves %s' "${T:0:7}"; echo "${T:7}"
    for start in "" a ab; do printf '%s%s' "$start" "$P" | base64; printf '%s%s' "$start" "$T" | base64 -w0; echo; done
    printf %q "$P"; echo; declare -p P; printf %s "$T" | od -An -tx1 | tr -d ' \\n'; echo
    echo "$P" >&2
  """
}
task coded(name: str) -> str {
  env { P = PASSWORD, T = TOKEN }
  python """
    import base64, html, json, os, shlex, sys, urllib.parse
    for secret in (os.environ["P"], os.environ["T"]):
        raw = secret.encode()
        print(secret, repr(secret), ascii(secret), repr(raw), json.dumps({secret: [secret]}), json.dumps(secret, ensure_ascii=False))
        print(urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret))
        print(urllib.parse.quote(secret, safe="").lower() if secret.islower() else "", html.escape(secret), shlex.quote(secret))
        for shift in range(3):
            print(base64.b64encode(b"u:p"[:shift] + raw), base64.urlsafe_b64encode(b"u:p"[:shift] + raw).rstrip(b"="))
        print(raw.hex(), raw.hex().upper())
        for char in secret:
            sys.stdout.write(char)
            sys.stdout.flush()
        print()
    return name
  """
}
task says(name: str) -> str { env { P = PASSWORD }
  sh "echo \\"$P\\" {{name}}" }
task gives() -> json { env { T = TOKEN }
  python "import os; return {'deep': ['x' + os.environ['T'] + 'y' * 5000]}" }
task writes() -> file = "out/made.txt" { env { T = TOKEN }
  sh "echo \\"key: $T\\" > {{out}}" }
task notes() -> (a: str, b: file) { env { T = TOKEN }
  sh "printf %s \\"$T\\" | base64 > {{a}}; : > {{b}}" }
task raises() { env { P = PASSWORD }
  python "import os; raise ValueError('x' * 480 + os.environ['P'])" }
task misfit() -> int { env { T = TOKEN }
  sh "echo \\"no number: $T\\"" }
task absent() { env { T = TOKEN }
  exec ["no-such-command-at-all"] }
task tells() { env { T = TOKEN }
  sh "echo \\"$T\\" >&2; exit 3" }
task waits(name: str) { env { P = PASSWORD, T = TOKEN }
  sh "cat gate/{{name}}" }
task python_waits(name: str) { env { P = PASSWORD, T = TOKEN }
  python "open(f'gate/{name}').read()" }

[shell(n) for n in names]
ok = [coded(n) for n in names]
output names_again = ok
[says(n) for n in names]
gives()
writes()
notes()
raises()
misfit()
absent()
tells()
waits("a")
python_waits("b")
'''


def forms(secret: str) -> Iterator[bytes]:
    """What must be found nowhere."""
    raw = secret.encode()
    yield from (raw, json.dumps(secret)[1:-1].encode(), json.dumps(secret, ensure_ascii=False)[1:-1].encode())
    yield from (quote(secret).encode(), quote(secret, safe="").encode(), quote_plus(secret).encode())
    yield from (raw.hex().encode(), raw.hex().upper().encode(), ascii(secret)[1:-1].encode(), repr(raw)[2:-1].encode())
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + raw)[(0, 2, 3)[shift] : -4]


WANTED = tuple(dict.fromkeys(form for secret in (SECRET, TOKEN) for form in forms(secret)))


def found_in(data: bytes) -> list[bytes]:
    return [form for form in WANTED if form in data]


def found_under(folder: Path) -> dict[str, list[bytes]]:
    """Files in which something of a secret stands."""
    out: dict[str, list[bytes]] = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".env" and (found := found_in(path.read_bytes())):
            out[str(path.relative_to(folder))] = found
    return out


def command_lines() -> bytes:
    lines: list[bytes] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(lines)


@pytest.fixture
def secretive(project: Project) -> Project:
    """The program, one secret in the environment and one in `.env`."""
    project.write("p.csc", BODIES)
    dotenv = project.write(".env", "# keys\nTOKEN=" + TOKEN + "\n")
    dotenv.chmod(0o600)
    project.env["PASSWORD"] = SECRET
    project.fifos(["a", "b"])
    return project


def test_nothing_of_a_secret_is_left_or_told(secretive: Project) -> None:
    project = secretive
    run = project.start("run", "p.csc", "--on-failure", "continue", "--jobs", "20")
    project.wait(lambda: {"waits", "python_waits"} <= project.started().keys(), "bodies that wait")
    seen = command_lines()
    assert b"p.csc" in seen
    live = project.cascade("status").out + project.cascade("ps").out
    project.open_gates()
    done = run.finish()
    assert done.code == 1
    assert found_in(seen) == []
    assert found_in((done.out + done.err + live).encode()) == []
    assert found_under(project.folder) == {}
    assert done.out == 'names_again = ["x", "y", "z"]\n'
    told = sorted(line for line in done.err.splitlines() if line.startswith("failed: ") and ";" not in line)
    assert [re.sub(r"x{100,}", "x…", line) for line in told] == [
        "failed: absent: command not found: no-such-command-at-all",
        "failed: gives: the returned value contains the secret TOKEN: a result is kept, a secret is not",
        "failed: misfit: its standard output contains the secret TOKEN: a result is kept, a secret is not",
        "failed: notes: the output `a` contains the secret TOKEN: a result is kept, a secret is not",
        "failed: raises: ValueError: x…***, at p.csc:45",
        "failed: says[x] (says): its standard output contains the secret PASSWORD: a result is kept, a secret is not",
        "failed: says[y] (says): its standard output contains the secret PASSWORD: a result is kept, a secret is not",
        "failed: says[z] (says): its standard output contains the secret PASSWORD: a result is kept, a secret is not",
        "failed: tells: exit 3",
        "failed: writes: the output `out` contains the secret TOKEN: a result is kept, a secret is not",
    ]
    assert not (project.folder / "out" / "made.txt").exists()
    for command in (("show-script", "shell[x]"), ("log", "coded[x]"), ("log", "raises"), ("status",)):
        shown = project.cascade(*command)
        assert found_in((shown.out + shown.err).encode()) == [], command
    assert "plain ***" in project.cascade("log", "shell[x]").out


def test_a_task_inherits_no_secret(project: Project) -> None:
    project.write(
        "p.csc",
        """
secret TOKEN
secret IDLE
task quiet() -> str { sh "env" }
task python_quiet() -> json { python "import os; return sorted(k for k in os.environ)" }
task given() -> str { env { OTHER = TOKEN }
  sh "env | cut -d= -f1 | sort | tr '\\\\n' ' '" }
output a = quiet()
output b = python_quiet()
output c = given()
output d = env("IDLE", "nothing")
""".replace('env("IDLE", "nothing")', 'env(join(["ID", "LE"], ""), "nothing")'),
    )
    project.env |= {"TOKEN": TOKEN, "IDLE": "idle secret"}
    done = project.cascade("run", "p.csc")
    assert done.code == 0, done.err
    assert TOKEN not in done.out
    assert "IDLE" not in done.out
    assert not re.search(r"\bTOKEN\b", done.out)
    assert "OTHER" in done.out
    assert "d = nothing" in done.out


def test_what_is_missing_is_said_before_anything_runs(secretive: Project) -> None:
    project = secretive
    (project.folder / ".env").unlink()
    del project.env["PASSWORD"]
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error[CSC570]: the secrets PASSWORD and TOKEN are not given\n"
        " --> p.csc:2:8\n"
        "  |\n"
        "2 | secret PASSWORD\n"
        "  |        ^^^^^^^^\n"
        "  |\n"
        "  = help: set it in the environment, or write `PASSWORD=…` in a file `.env` beside the program\n"
    )
    assert not (project.folder / ".cascade").exists()
    assert json.loads(project.cascade("run", "p.csc", "--json").out)["diagnostics"][0]["code"] == "CSC570"
    assert project.cascade("check", "p.csc").code == 0


def test_a_param_that_holds_a_secret_is_refused(project: Project) -> None:
    project.write(
        "p.csc", 'secret TOKEN\nparam auth: str\ntask t(a: str) { env { T = TOKEN }\n  sh "true" }\nt(auth)\n'
    )
    project.env["TOKEN"] = TOKEN
    done = project.cascade("run", "p.csc", "--auth", f"Bearer {TOKEN}")
    assert done.code == 2
    assert done.err.startswith(
        "error[CSC574]: the value of the param `auth` contains the secret TOKEN, and would be stored"
    )
    assert found_under(project.folder) == {}


def test_a_value_that_reads_a_secret_from_a_file_is_none(project: Project) -> None:
    project.write(
        "p.csc", 'secret TOKEN\ntask t() { env { T = TOKEN }\n  sh "true" }\nt()\noutput all = read(file(".env"))\n'
    )
    project.write(".env", f"TOKEN={TOKEN}\n").chmod(0o600)
    done = project.cascade("run", "p.csc")
    assert done.code == 1
    assert "its value contains the secret TOKEN: a result is kept, a secret is not" in done.err
    assert found_in((done.out + done.err).encode()) == []
    assert found_under(project.folder) == {}


def test_a_script_and_an_argument_hold_no_secret_that_was_read_from_a_file(project: Project) -> None:
    project.write(
        "p.csc",
        """
secret TOKEN
task t() { env { T = TOKEN }
  sh "true" }
task script() { sh "echo {{read(file(\".env\"))}}" }
task words() { exec ["echo", read(file(".env"))] }
task variable() { env { X = read(file(".env")) }
  sh "true" }
task plain(x: str) { sh "echo {{x}}" }
t()
script()
words()
variable()
plain(read(file(".env")))
""",
    )
    project.write(".env", f"TOKEN={TOKEN}\n").chmod(0o600)
    done = project.cascade("run", "p.csc", "--on-failure", "continue")
    assert done.code == 1
    assert done.err.count("contains the secret TOKEN: a result is kept, a secret is not") == 4
    assert found_in((done.out + done.err).encode()) == []
    assert found_under(project.folder) == {}


def test_a_key_that_was_replaced_makes_no_result_stale(project: Project) -> None:
    program = """
secret TOKEN
secret OTHER
task t() -> str { env { T = TOKEN }
  sh "echo done" }
output a = t()
"""
    project.write("p.csc", program)
    project.env |= {"TOKEN": TOKEN, "OTHER": "another one"}
    assert "1 task cached" not in project.cascade("run", "p.csc").err
    project.env["TOKEN"] = "ghp_a new one"
    assert "1 task cached" in project.cascade("run", "p.csc").err
    project.write("p.csc", program.replace("T = TOKEN", "T = OTHER").replace("secret TOKEN\n", ""))
    assert "1 task cached" not in project.cascade("run", "p.csc").err
    assert found_under(project.folder) == {}


def test_the_help_of_a_program_names_its_secrets(project: Project) -> None:
    project.write(
        "p.csc",
        """
secret TOKEN
secret KEY
secret IDLE   # allow: unused-secret
task t() { env { T = TOKEN }
  sh "true" }
task s() { env { T = TOKEN }
  sh "true" }
t()
s() with { env { K = KEY } }
""",
    )
    project.env["TOKEN"] = TOKEN
    shown = project.cascade("run", "p.csc", "--help").out
    assert found_in(shown.encode()) == []
    assert shown[shown.index("Secrets") : shown.index("Tasks")] == (
        "Secrets\n"
        "  TOKEN  given to s, t; from the environment, or `.env` beside the program\n"
        "  KEY    given to s; from the environment, or `.env` beside the program\n"
        "  IDLE   from the environment, or `.env` beside the program\n"
        "\n"
    )


def test_a_run_that_goes_on_asks_for_its_secrets_again(secretive: Project) -> None:
    project = secretive
    run = project.start("run", "p.csc", "waits", "python_waits")
    project.wait_started(2)
    os.kill(run.warden.pid, signal.SIGKILL)
    run.finish()
    del project.env["PASSWORD"]
    wait_until(
        lambda: (refused := project.cascade("continue")).code == 2 and "CSC570" in refused.err, "the end of the run"
    )
    project.env["PASSWORD"] = SECRET
    again = project.start("continue")
    project.open_gates()
    done = again.finish()
    assert done.code == 0, done.err
    assert found_under(project.folder) == {}


# ---- modes


def open_to_others(folder: Path) -> list[str]:
    """What others could open; what bodies wrote in a private folder of theirs has the modes that they gave it."""
    out: list[str] = []
    for path in [folder, *folder.rglob("*")]:
        if any(parent.name == "scratch" for parent in path.parents) and path.name != "script.sh":
            continue
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & 0o077:
            out.append(f"{path.relative_to(folder.parent)} {stat.filemode(mode)}")
    return sorted(out)


def test_the_state_is_private_whatever_the_umask(project: Project) -> None:
    project.write(
        "p.csc",
        """
secret TOKEN
param xs: list[int] = [1, 2, 3]
task long(n: int) -> str { sh "for i in $(seq 4000); do echo -n {{n}}; done" }
task made(n: int) -> file { sh "echo {{n}} > {{out}}" }
task folder() -> d: dir { sh "mkdir -p {{d}}/deep && echo x > {{d}}/deep/a" }
task apart() -> str { in scratch
  sh "echo a > a; mkdir b; echo {{long_text}} | wc -c" }
task big() -> json { python "return ['x' * 20000]" }
task waits(f: file) { env { T = TOKEN }
  sh "cat gate/a" }
long_text = join([str(i) for i in range(20000)], ",")
a = [long(x) for x in xs]
b = [made(x) for x in xs]
folder()
apart()
c = big()
waits(b[0]) after a, c
""",
    )
    project.env["TOKEN"] = TOKEN
    project.fifos(["a"])
    before = os.umask(0)
    try:
        run = project.start("run", "p.csc")
        project.wait(lambda: "waits" in project.started(), "a body that waits")
        live = open_to_others(project.folder / ".cascade")
        sockets = [p for p in Path(project.env["XDG_RUNTIME_DIR"]).rglob("*") if p.is_socket() or p.is_dir()]
        sockets += [p for p in (project.folder / ".cascade").rglob("*") if p.is_socket()]
        exposed = [str(p) for p in sockets if not p.is_symlink() and p.stat().st_mode & 0o077]
        project.open_gates()
        done = run.finish()
    finally:
        os.umask(before)
    assert done.code == 0, done.err
    assert sockets
    assert exposed == []
    assert live == []
    assert open_to_others(project.folder / ".cascade") == []
