from __future__ import annotations

import json
import os
import signal
import textwrap
from pathlib import Path
from typing import Any

import pytest
from executors_work import ENV, Work, Working, is_alive, text_of, until

from cascade_dsl.executors import python
from cascade_dsl.executors.protocol import StartFailed

pytestmark = pytest.mark.trio


async def value(work: Work, source: str | None = None, **fields: Any) -> Any:
    """The result of a call that succeeds."""
    ended = await work.call(source, **fields)
    assert (ended.code, ended.message) == (0, ""), work.log()
    assert ended.result is not None
    return json.loads(ended.result)


# ---- bodies as text


async def test_a_body_sees_inputs_outputs_and_extras(working: Working) -> None:
    async with working() as work:
        got = await value(
            work,
            "return [x, page, attempt, need, need.cpu, need['cpu']]",
            inputs='{"x": {"a": [1]}}',
            outputs={"page": "/scratch/page.html"},
            extras='{"attempt": 2, "need": {"cpu": 1}, "x": "hidden by the input"}',
        )
        assert got == [{"a": [1]}, "/scratch/page.html", 2, {"cpu": 1}, 1, 1]


async def test_a_body_without_return_gives_none(working: Working) -> None:
    async with working() as work:
        assert await value(work, "") is None
        assert await value(work, "# only a comment") is None
        assert await value(work, "x = 1", inputs='{"class": 5}') is None


async def test_names_of_one_call_are_not_seen_by_the_next(working: Working) -> None:
    async with working() as work:
        await work.call("global leak\nleak = 1")
        assert (await work.call("return leak")).message == "NameError: name 'leak' is not defined"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return (1, 2.5, 'x', None, True)", [1, 2.5, "x", None, True]),
        ("from pathlib import Path\nreturn {'p': Path('/a') / 'b'}", {"p": "/a/b"}),
        ("from collections import Counter, OrderedDict\nreturn [Counter('aab'), OrderedDict(z=1)]", [{"a": 2, "b": 1}, {"z": 1}]),
        ("import enum\nclass E(str, enum.Enum):\n  A = 'a'\nreturn {E.A: E.A}", {"a": "a"}),
        ("import enum\nclass E(enum.IntEnum):\n  A = 7\nreturn E.A", 7),
        ("class n:\n  ndim = 0\n  def item(self): return 5\nn.__module__ = 'numpy'\nreturn [n()]", [5]),
        ("return 'ünïcode \\U0001f600 \\x00'", "ünïcode \U0001f600 \x00"),
        ("return 2**70", 2**70),
    ],
)  # fmt: skip
async def test_results_as_json(working: Working, source: str, expected: object) -> None:
    async with working() as work:
        assert await value(work, source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("return {'a': [1, {2}]}", 'result["a"][1] is of type set, which JSON cannot say; give sorted(…)'),
        ("return [0.5, float('nan')]", "result[1] is nan, which JSON cannot say"),
        ("return float('-inf')", "result is -inf, which JSON cannot say"),
        ("return {1: 2}", "result has the key 1; keys must be text, not int"),
        ("return {'k': {None: 2}}", 'result["k"] has the key None; keys must be text, not NoneType'),
        ("return b'x'", "result is of type bytes, which JSON cannot say"),
        ("import datetime\nreturn [datetime.date(2026, 1, 1)]", "result[0] is of type datetime.date, which JSON cannot say"),
        ("yield 1", "result is of type generator, which JSON cannot say"),
        ("class a:\n  ndim = 1\na.__module__ = 'numpy'\nreturn a()",
         "result is of type numpy.a, which JSON cannot say; give its .tolist()"),
        ("return '\\ud800'", "the result holds text that is not valid Unicode (a lone surrogate)"),
        ("x = []\nfor _ in range(300): x = [x]\nreturn x", "result" + "[0]" * 201 + " is nested deeper than 200"),
        ("x = []\nx.append(x)\nreturn x", "result" + "[0]" * 201 + " is nested deeper than 200"),
        ("return 'x' * (64 * 1024 * 1024)", "the result is larger than 64 MiB; write it to a file output"),
    ],
)  # fmt: skip
async def test_results_that_are_none(working: Working, source: str, message: str) -> None:
    async with working() as work:
        ended = await work.call(source)
        assert (ended.code, ended.message, ended.result) == (1, message[:500], None)
        assert work.log() == message + "\n"


async def test_a_large_result_goes_through_its_file(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        ended = await work.call("return list(range(5000))")
        assert (ended.code, ended.result, ended.result_file) == (0, None, True)
        assert json.loads((tmp_path / "results" / "1.json").read_text()) == list(range(5000))


async def test_inputs_of_any_size(working: Working) -> None:
    async with working() as work:
        text = "x" * 3_000_000
        assert await value(work, "return len(text)", inputs=json.dumps({"text": text})) == len(text)


async def test_an_exception_is_exit_1_with_the_users_frames(working: Working) -> None:
    async with working() as work:
        source = "def inner():\n    raise ValueError('bad thing\\nmore')\nprint('before')\ninner()"
        ended = await work.call(source, file="flow/count.csc", line=12)
        assert (ended.code, ended.signal, ended.message) == (1, None, "ValueError: bad thing")
        assert work.log() == textwrap.dedent("""\
            before
            Traceback (most recent call last):
              File "flow/count.csc", line 15, in body
                inner()
              File "flow/count.csc", line 13, in inner
                raise ValueError('bad thing\\nmore')
            ValueError: bad thing
            more
            """)


async def test_the_marks_of_a_traceback_stand_under_what_failed(working: Working) -> None:
    async with working() as work:
        ended = await work.call("return missing", file="a.csc", line=3)
        assert ended.message == "NameError: name 'missing' is not defined"
        shown = '  File "a.csc", line 3, in body\n    return missing\n           ^^^^^^^\nNameError: '
        assert work.log().startswith("Traceback (most recent call last):\n" + shown)


async def test_a_syntax_error_names_the_line_of_the_csc(working: Working) -> None:
    async with working() as work:
        ended = await work.call("x = 1\nreturn (", file="a.csc", line=7)
        assert (ended.code, ended.message) == (1, "SyntaxError: '(' was never closed (a.csc, line 8)")
        shown = "  File \"a.csc\", line 8\n    return (\n           ^\nSyntaxError: '(' was never closed\n"
        assert work.log().removeprefix("Traceback (most recent call last):\n") == shown


@pytest.mark.parametrize(
    ("source", "code", "message", "log"),
    [
        ("raise SystemExit", 0, "", ""),
        ("import sys; sys.exit(0)", 0, "", ""),
        ("import sys; sys.exit(75)", 75, "", ""),
        ("import sys; sys.exit('no such gene\\nsorry')", 1, "no such gene", "no such gene\nsorry\n"),
        ("import os; os._exit(0)", 0, "the body ended its process before it returned", ""),
        ("import os; os._exit(9)", 9, "the body ended its process before it returned", ""),
        ("class E(Exception):\n  def __str__(self): return 1/0\nraise E", 1, "E", None),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt", None),
        ("import sys; sys.stderr.close(); sys.stdout = None; raise OSError(2, 'gone')", 1, "FileNotFoundError: [Errno 2] gone", None),
    ],
)  # fmt: skip
async def test_ways_to_end(working: Working, source: str, code: int, message: str, log: str | None) -> None:
    async with working() as work:
        ended = await work.call(source)
        assert (ended.code, ended.signal, ended.message) == (code, None, message)
        if log is not None:
            assert work.log() == log
        assert await value(work, "print('still well')\nreturn 1") == 1
        assert work.log() == "still well\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGINT])
async def test_killed_by_a_signal(working: Working, number: int) -> None:
    async with working() as work:
        ended = await work.call(f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(60)")
        assert (ended.code, ended.signal, ended.message) == (None, number, "")
        assert await value(work, "return 1") == 1


# ---- functions


async def test_a_function_is_called_with_what_its_signature_names(working: Working, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "def all(x, page, attempt): return [x, page, attempt]\n"
        "def few(x, page): return [x, page]\n"
        "def any(**given): return given\n"
        "class C:\n    @staticmethod\n    def f(x, page): return 'nested'\n"
        "def lacks(x): pass\n"
        "async def later(x, page): pass\n"
        "number = 5\n"
    )
    async with working() as work:
        common: dict[str, Any] = {
            "path": str(tmp_path / "m.py"),
            "inputs": '{"x": 1}',
            "outputs": {"page": "p"},
            "extras": '{"attempt": 3, "top": 9}',
        }
        assert await value(work, function="all", **common) == [1, "p", 3]
        assert await value(work, function="few", **common) == [1, "p"]
        assert await value(work, function="any", **common) == {"x": 1, "page": "p"}
        assert await value(work, function="C.f", **common) == "nested"
        module = tmp_path / "m.py"
        for name, message in (
            ("lacks", "TypeError: lacks() got an unexpected keyword argument 'page'"),
            ("nobody", f"{module} has no function nobody"),
            ("number", f"{module} has no function number"),
            ("later", f"later in {module} is an async function; give a plain one"),
        ):
            ended = await work.call(function=name, **common)
            assert (ended.code, ended.message) == (1, message)


async def test_a_module_by_its_name(working: Working) -> None:
    async with working() as work:
        assert await value(work, module="os.path", function="join", inputs='{"a": "x"}') == "x"
        ended = await work.call(module="no.such", function="f")
        assert (ended.code, ended.message) == (1, "ModuleNotFoundError: No module named 'no'")


async def test_a_file_that_is_none(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        ended = await work.call(path=str(tmp_path / "gone.py"), function="f")
        assert (ended.code, ended.message) == (1, f"there is no file {tmp_path / 'gone.py'}")
        (tmp_path / "notes.txt").write_text("x")
        ended = await work.call(path=str(tmp_path / "notes.txt"), function="f")
        assert (ended.code, ended.message) == (1, f"{tmp_path / 'notes.txt'} is not a Python file")


async def test_equal_names_in_two_folders_never_mix(working: Working, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "helpers.py").write_text(
            f"import shared, deep.x\nNAME = '{folder}' + shared.S + deep.x.D\n"
        )
        (tmp_path / folder / "shared.py").write_text(f"S = '{folder}'\n")
        (tmp_path / folder / "deep" / "__init__.py").write_text("")
        (tmp_path / folder / "deep" / "x.py").write_text(f"D = '{folder}'\n")
        (tmp_path / folder / "main.py").write_text(
            "import helpers\ndef f():\n    import shared\n    return helpers.NAME + shared.S\n"
        )
    async with working() as work:
        for folder in ("a", "b", "a", "b"):
            assert await value(work, path=str(tmp_path / folder / "main.py"), function="f") == folder * 4
        source = "import helpers\nreturn helpers.NAME"
        for folder in ("a", "b", "a"):
            assert await value(work, source, folder=str(tmp_path / folder)) == folder * 3


async def test_a_changed_file_is_loaded_anew(working: Working, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import part\ncalls = []\ndef f():\n    calls.append(1)\n    return [part.X, len(calls)]\n"
    )
    (tmp_path / "part.py").write_text("X = 1\n")
    call: dict[str, Any] = {"path": str(tmp_path / "main.py"), "function": "f"}
    async with working() as work:
        assert await value(work, **call) == [1, 1]
        assert await value(work, **call) == [1, 2]
        (tmp_path / "part.py").write_text("X = 'changed'\n")
        assert await value(work, **call) == ["changed", 1]
        assert await value(work, **call) == ["changed", 2]


async def test_a_module_that_fails_to_load_is_tried_again(working: Working, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import os\nif not os.path.exists('ok'): raise RuntimeError('not yet')\ndef f(): return 1\n"
    )
    async with working() as work:
        ended = await work.call(path=str(tmp_path / "main.py"), function="f")
        assert ended.message == "RuntimeError: not yet"
        assert work.log() == (
            f'Traceback (most recent call last):\n  File "{tmp_path}/main.py", line 2, in <module>\n'
            "    if not os.path.exists('ok'): raise RuntimeError('not yet')\n"
            "                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\nRuntimeError: not yet\n"
        )
        (tmp_path / "ok").touch()
        assert await value(work, path=str(tmp_path / "main.py"), function="f") == 1


# ---- the worker between calls

STATE = """
import os, signal, sys
mask = os.umask(0o022)
os.umask(mask)
return [
    os.getcwd(), dict(os.environ), mask, signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL, len(sys.path),
    sys.stdout.fileno(), signal.getitimer(signal.ITIMER_REAL)[0], len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    os.getpid(), sys.getrecursionlimit(),
]
"""


async def test_everything_is_put_back(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        before = await value(work, STATE)
        await work.call(
            "import os, signal, sys\n"
            "os.chdir('/tmp'); os.environ['NEW'] = '1'; del os.environ['HOME']; os.environ['PATH'] = ''\n"
            "os.umask(0o777); signal.signal(signal.SIGUSR1, signal.SIG_IGN); sys.path[:] = []\n"
            "sys.stdout = sys.stderr = open('/dev/null', 'w'); signal.alarm(3600); sys.setrecursionlimit(5000)\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}); os.close(0); os.close(1)\n"
        )
        assert await value(work, STATE) == before


async def test_each_call_has_its_environment_and_folder(working: Working, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    source = "import os\nreturn [os.getcwd(), os.environ.get('A'), os.environ.get('HOME'), os.getpid()]"
    async with working() as work:
        first = await value(work, source, env={**ENV, "A": "1"})
        pid = first[-1]
        assert first == [str(tmp_path), "1", "/", pid]
        assert await value(work, source, env={"A": "2"}, cwd=tmp_path / "sub") == [
            str(tmp_path / "sub"),
            "2",
            None,
            pid,
        ]
        assert await value(work, source) == [str(tmp_path), None, "/", pid]


async def test_variables_that_matter_at_the_start_have_workers_of_their_own(working: Working, tmp_path: Path) -> None:
    (tmp_path / "extra.py").write_text("X = 42\n")
    async with working() as work:
        ended = await work.call("import extra", cwd=Path("/"))
        assert ended.message == "ModuleNotFoundError: No module named 'extra'"
        env = {**ENV, "PYTHONPATH": str(tmp_path)}
        assert await value(work, "import extra\nreturn extra.X", env=env, cwd=Path("/")) == 42


async def test_calls_that_may_see_other_gpus_share_no_worker(working: Working) -> None:
    """CUDA looks at the variable once, when it is first used."""
    source = (
        "import os\nos.seen = [*getattr(os, 'seen', []), os.environ.get('CUDA_VISIBLE_DEVICES')]\n"
        "return [os.getpid(), os.seen]"
    )
    async with working() as work:
        first, seen = await value(work, source)
        assert seen == [None]
        other, seen = await value(work, source, env={**ENV, "CUDA_VISIBLE_DEVICES": "1"})
        assert (other != first, seen) == (True, ["1"])
        assert await value(work, source, env={**ENV, "CUDA_VISIBLE_DEVICES": "1"}) == [other, ["1", "1"]]
        assert await value(work, source) == [first, [None, None]]


async def test_a_worker_ends_with_a_call_that_had_something_to_itself(working: Working) -> None:
    source = "import os\nreturn os.getpid()"
    async with working() as work:
        warm = await value(work, source)
        assert await value(work, source, ends_worker=True) == warm, "a warm worker takes it"
        assert not is_alive(warm), "and is dead when it has ended"
        assert await value(work, source) != warm
        failed = await work.call("raise ValueError(1)", ends_worker=True)
        assert failed.message == "ValueError: 1"


async def test_what_a_call_prints_goes_to_its_own_log(working: Working) -> None:
    async with working() as work:
        source = (
            "import ctypes, os, sys\nprint('text', n)\nctypes.CDLL(None).printf(b'from C\\n')\n"
            "os.system('echo child')\nprint('error', file=sys.stderr)\nsys.stdout.write('no newline')"
        )
        for n in (1, 2):
            await work.call(source, inputs=json.dumps({"n": n}))
            lines = sorted(work.log().replace("no newline", "no newline\n").splitlines())
            assert lines == sorted([f"text {n}", "from C", "child", "error", "no newline"])


@pytest.mark.parametrize(
    "leave",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
        "import subprocess\nsubprocess.Popen(['sleep', '60'])",
        "import os, time\nif os.fork() == 0: os.setsid(); time.sleep(60)",
        "import os, time\nif os.fork() == 0:\n  if os.fork() == 0: time.sleep(60)\n  os._exit(0)\nos.wait()",
    ],
)
async def test_a_worker_left_with_threads_or_children_is_not_used_again(working: Working, leave: str) -> None:
    async with working() as work:
        pid = await value(work, leave + "\nimport os\nreturn os.getpid()")
        assert not is_alive(pid)
        assert await value(work, "import os\nreturn os.getpid()") != pid


async def test_a_forked_child_that_returns_answers_nothing(working: Working) -> None:
    async with working() as work:
        source = "import os\nif os.fork() == 0: return 'child'\nos.wait()\nreturn 'parent'"
        assert await value(work, source) == "parent"
        assert await value(work, "return 1") == 1


async def test_children_that_ended_are_no_reason_to_retire(working: Working) -> None:
    async with working() as work:
        source = (
            "import os, subprocess\nsubprocess.run(['true'])\nsubprocess.Popen(['true']).wait()\nreturn os.getpid()"
        )
        assert await value(work, source) == await value(work, source)


async def test_an_old_worker_begins_anew(working: Working, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("calls = 0\ndef f():\n    global calls\n    calls += 1\n    return calls\n")
    async with working() as work:
        counts = [await value(work, path=str(tmp_path / "m.py"), function="f") for _ in range(503)]
        assert counts == [*range(1, 501), 1, 2, 3]


async def test_idle_workers_end(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "IDLE_S", 0.01)
    async with working() as work:
        pid = await value(work, "import os\nreturn os.getpid()")
        await until(lambda: not is_alive(pid))
        assert await value(work, "return 1") == 1


async def test_an_idle_worker_that_was_killed_is_replaced(working: Working) -> None:
    async with working() as work:
        pid = await value(work, "import os\nreturn os.getpid()")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not is_alive(pid))
        assert await value(work, "return 1") == 1


async def test_as_many_workers_as_calls(working: Working) -> None:
    async with working() as work:
        source = "import os, time\nopen(f'here{n}', 'w').close()\nwhile len([f for f in os.listdir('.') if f.startswith('here')]) < 3: time.sleep(0.001)\nreturn os.getpid()"
        ids = [work.start_python(source, inputs=json.dumps({"n": n})) for n in range(3)]
        assert len({(await work.exited(id)).result for id in ids}) == 3


async def test_inputs_stand_in_no_command_line(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        source = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)"
        id = work.start_python(source, inputs='{"token": "s3cret"}', env={**ENV, "TOKEN": "s3cret"})
        pid = await work.seen("pid")
        assert "s3cret" not in text_of(f"/proc/{pid}/cmdline")
        work.python.stop(id, 0)
        await work.outcome(id)


async def test_a_worker_that_cannot_start(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/no/python")
    async with working() as work:
        outcome = await work.outcome(work.start_python("return 1"))
        assert outcome == StartFailed(id="1", message="command not found: /no/python")


async def test_usage_is_of_the_call(working: Working) -> None:
    async with working() as work:
        busy = await work.call("for _ in range(3 * 10**6): pass")
        assert (await work.call("return 1")).used.cpu_ms < busy.used.cpu_ms
