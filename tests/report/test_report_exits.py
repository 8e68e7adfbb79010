"""What exit codes mean: one table, no process."""

from __future__ import annotations

import pytest

from cascade_dsl.report.exits import commands, meaning

PIPE = "SIGPIPE: the reader of a pipe closed it, and under pipefail that counts"
GREP = "grep exits with 1 where no line matches"
KILLED = "killed by SIGKILL: by hand, or by the system for want of memory"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (None, ""),
        (0, ""),
        (1, ""),
        (2, "2 often says that a command was called wrongly"),
        (3, ""),
        (126, "a command was found but may not be run"),
        (127, "a command was not found"),
        (128, ""),
        (130, "killed by SIGINT: it was interrupted"),
        (134, "killed by SIGABRT: it gave itself up, most often after a check of its own failed"),
        (136, "killed by SIGFPE: an arithmetic fault, such as a whole number divided by 0"),
        (137, KILLED),
        (139, "killed by SIGSEGV: it touched memory that is not its own"),
        (141, PIPE),
        (143, "killed by SIGTERM: it was asked to end"),
        (138, "killed by SIGUSR1"),
        (255, ""),
        (-9, KILLED),
        (-11, "killed by SIGSEGV: it touched memory that is not its own"),
        (-13, "killed by SIGPIPE: what it wrote to was closed"),
        (-200, ""),
    ],
)
def test_a_code_alone(code: int | None, text: str) -> None:
    assert meaning(code).text == text


@pytest.mark.parametrize(
    ("code", "script", "log", "text"),
    [
        (1, "grep -q x file", (), GREP),
        (1, "cat file | grep x", ("some output",), GREP),
        (1, "n=$(grep -c x file)\necho $n", (), GREP),
        (1, "n=$(grep -c x file)\necho $n", ("another complaint",), ""),
        (1, "grep x file || true\nfrob", (), ""),
        (1, "[ -e x ] || grep -q y x", (), GREP),
        (1, "if grep -q x file; then\n  frob\nfi", (), ""),
        (1, 'echo "grep this"', (), ""),
        (1, "frob # grep", (), ""),
        (1, "/usr/bin/grep x y", (), GREP),
        (1, "cmp a b", (), "diff exits with 1 where the two differ"),
        (1, "[ $a = b ]", (), "a test that is false exits with 1"),
        (1, "[[ $a = b ]]", (), "a test that is false exits with 1"),
        (1, "(( n - n ))", (), "(( )) and let exit with 1 where the result is 0"),
        (1, "false", (), "`false` exits with 1"),
        (2, "grep x nowhere", (), "2 is an error of grep or diff, not an answer"),
        (22, "curl -f http://x", (), "curl was answered with an HTTP error"),
        (22, "frob", (), ""),
        (124, "timeout 3 frob", (), "timeout exits with 124 where the time is up"),
        (124, "frob", (), ""),
        (125, "docker run x", (), "125 says that the tool which starts the command failed itself"),
        (127, "frob", ("bash: line 1: frob: command not found",), "`frob` was not found"),
        (127, "frob", ("sh: 1: frob: not found",), "`frob` was not found"),
        (127, "frob", ("/usr/bin/bash: frob: command not found",), "`frob` was not found"),
        (127, "./x", ("bash: line 3: ./x: No such file or directory",), "`./x` was not found"),
        (127, "x", ("/usr/bin/env: ‘node’: No such file or directory",), "`node` was not found"),
        (127, "x", ("frob: command not found in my own words",), "a command was not found"),
    ],
)
def test_a_code_of_a_script(code: int, script: str, log: tuple[str, ...], text: str) -> None:
    assert meaning(code, script, log).text == text


def test_memory_is_named_where_the_kernel_counted() -> None:
    assert meaning(137, out_of_memory=True).text == "killed by SIGKILL: the kernel killed for want of memory meanwhile"
    assert meaning(-9).help == "where memory was short, `requires mem = …` keeps fewer of them at once"


def test_commands_of_a_script() -> None:
    script = "A=1 FOO=bar frob --x | sort\nif ! true; then ( cd x && ls ); fi\nx=$(date; who) # not this\necho 'rm -rf'"
    assert commands(script) == {"frob", "sort", "true", "cd", "ls", "date", "who", "echo"}
