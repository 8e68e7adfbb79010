"""Outputs of every form, of every kind of body, by the real program: what is published, and what is said where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from live_runs import Project


def files(folder: Path) -> dict[str, str]:
    """What stands in the project but its programs, what python keeps of them, and its state: text by path, folders end in `/`."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.split("/")[0] in (".cascade", "gate", "__pycache__") or path.suffix in (".csc", ".py", ".out", ".err"):
            continue
        if path.is_dir() and not path.is_symlink():
            if not list(path.iterdir()):
                found[f"{name}/"] = ""
        else:
            found[name] = path.read_text()
    return found


def drafts(project: Project) -> list[str]:
    """What runs left in their scratch folders."""
    runs = project.folder / ".cascade" / "runs"
    return sorted(str(p.relative_to(folder)) for folder in runs.glob("*/scratch") for p in folder.rglob("*"))


# ---- forms and bodies -------------------------------------------------------------------------------------------

SHELL = """\
task t(id: str, all: bool) -> (
  kept: file, bam: file = "out/{{id}}.tar.gz", site: dir = "site/", n: int, stats: json, words: list[str],
  shape: {id: str, reads: list[int]}, on: bool, wait: duration, note: file? = "out/{{id}}.note", extra: dir?, maybe: int?,
  text: str?, parts: list[file] = "parts/{{id}}/*.csv"
) {
  in scratch
  BODY
}
x = t("a b", ALL)
output kept = read(x.kept)
output bam = x.bam
output site = x.site
output n = x.n
output stats = x.stats
output words = x.words
output shape = x.shape
output on = x.on
output wait = x.wait
output note = x.note
output extra = [x.extra != none, x.maybe != none, x.text != none]
output maybe = x.maybe
output text = x.text
output parts = x.parts
"""

SH = '''sh """
    id={{id}}
    bam={{bam}}; case $bam in *.tar.gz) ;; *) exit 9;; esac
    echo kept > {{kept}}; echo "$id" > {{bam}}; mkdir {{site}}; echo 1 > {{site}}/index.html
    echo 7 > {{n}}; printf '{"a": [1, null]}' > {{stats}}; echo '["x", "y z"]' > {{words}}
    echo '{"id": "i", "reads": [1, 2]}' > {{shape}}; echo true > {{on}}; echo 1m30s > {{wait}}
    if [ {{all}} = true ]; then
      echo note > {{note}}; mkdir {{extra}}; echo 3 > {{maybe}}; echo none > {{text}}
      mkdir -p "parts/$id"; for i in 1 10 2; do echo $i > "parts/$id/$i.csv"; done; echo no > "parts/$id/x.txt"
    fi
  """'''

EXEC = """env { ID = id; EVERY = str(all) }
  exec ["bash", "write.sh", kept, bam, site, n, stats, words, shape, on, wait, note, extra, maybe, text]"""

WRITE = """\
echo kept > "$1"; echo "$ID" > "$2"; mkdir "$3"; echo 1 > "$3/index.html"
echo 7 > "$4"; printf '{"a": [1, null]}' > "$5"; echo '["x", "y z"]' > "$6"
echo '{"id": "i", "reads": [1, 2]}' > "$7"; echo true > "$8"; echo 1m30s > "$9"
if [ "$EVERY" = true ]; then
  echo note > "${10}"; mkdir "${11}"; echo 3 > "${12}"; echo none > "${13}"
  mkdir -p "parts/$ID"; for i in 1 10 2; do echo $i > "parts/$ID/$i.csv"; done; echo no > "parts/$ID/x.txt"
fi
"""

PYTHON = """\
import os
assert bam.endswith(".tar.gz")
open(kept, "w").write("kept\\n")
open(bam, "w").write(id + "\\n")
os.mkdir(site)
open(site + "/index.html", "w").write("1\\n")
value = {"n": 7, "stats": {"a": [1, None]}, "words": ["x", "y z"], "shape": {"id": "i", "reads": [1, 2]}, "on": True, "wait": 90}
if all:
    open(note, "w").write("note\\n")
    os.mkdir(extra)
    value |= {"maybe": 3, "text": "none"}
    os.makedirs("parts/" + id)
    for i in (1, 10, 2):
        open("parts/%s/%s.csv" % (id, i), "w").write("%s\\n" % i)
    open("parts/%s/x.txt" % id, "w").write("no\\n")
return value
"""

BODIES = {
    "sh": SH,
    "exec": EXEC.replace("write.sh", "{{folder}}/write.sh"),
    "python": 'python """\n' + "".join(f"    {line}\n" for line in PYTHON.splitlines()) + '  """',
    "function": 'python "made.py:make"',
}

WHOLE = """\
kept = "kept\\n"
bam = "out/a b.tar.gz"
site = site
n = 7
stats = {"a": [1, null]}
words = ["x", "y z"]
shape = {"id": "i", "reads": [1, 2]}
on = true
wait = 90
"""
WITH = """\
note = "out/a b.note"
extra = [true, true, true]
maybe = 3
text = "none"
parts = ["parts/a b/1.csv", "parts/a b/10.csv", "parts/a b/2.csv"]
"""
WITHOUT = """\
note = none
extra = [false, false, false]
maybe = none
text = none
parts = []
"""


@pytest.mark.parametrize("body", BODIES)
def test_every_form_of_every_body_and_again_with_fewer(project: Project, body: str) -> None:
    program = SHELL.replace("BODY", BODIES[body])
    if body == "exec":
        program = f'param folder: str = "{project.folder}"\n{program}'
    project.write("write.sh", WRITE)
    indented = "".join(f"    {line}\n" for line in PYTHON.splitlines())
    names = "id, all, kept, bam, site, note, extra"
    project.write("made.py", f"def make({names}):\n{indented}")
    project.write("all.csc", program.replace("ALL", "true"))
    done = project.cascade("run", "all.csc")
    assert (done.code, done.err.splitlines()[:-1]) == (0, []), done.err
    assert unquoted(done.out) == unquoted(WHOLE + WITH)
    always = {"out/a b.tar.gz": "a b\n", "site/index.html": "1\n", "write.sh": WRITE}
    more = {"out/a b.note": "note\n", **{f"parts/a b/{i}.csv": f"{i}\n" for i in (1, 10, 2)}}
    assert files(project.folder) == always | more
    project.write("all.csc", program.replace("ALL", "false"))
    done = project.cascade("run", "all.csc")
    assert (done.code, unquoted(done.out)) == (0, unquoted(WHOLE + WITHOUT)), done.err
    assert files(project.folder) == {**always, "parts/a b/": ""}
    assert drafts(project) == []


def unquoted(text: str) -> list[str]:
    """Lines of results; how the program quotes a path or text in them is another test's."""
    return [line.replace('"', "") for line in text.splitlines()]


# ---- what does not fit ------------------------------------------------------------------------------------------

MISFITS = """\
task printed_nothing() -> int { sh "true" }
task printed_many() -> int { sh "echo 1 2 3" }
task printed_json() -> list[int] { sh "echo '{\\"a\\": 1}'" }
task printed_half() -> json { sh "echo '[1, 2'" }
task printed_field() -> {id: str, n: int} { exec ["echo", '{"id": "x", "m": 3}'] }
task printed_choice() -> "fast" | "safe" { sh "echo fats" }
task written_not() -> (n: int, m: int?) { sh "echo x > {{m}}; : {{n}}" }
task written_wrong() -> (n: int, m: int?) { sh "echo x > {{m}}; echo 3 > {{n}}" }
task written_nothing() -> (s: list[str]) { sh "true > {{s}}" }
task written_folder() -> (s: list[str]) { sh "mkdir {{s}}" }
task written_bytes() -> (s: str) { sh "printf '\\\\377' > {{s}}" }
task returned_no_record() -> (f: file, n: int) { python "open(f, 'w').close(); return 3" }
task returned_other() -> (f: file, count: int) { python "open(f, 'w').close(); return {'count': 3, 'coutn': 4}" }
task returned_file() -> (f: file, n: int) { python "open(f, 'w').close(); return {'f': 'x', 'n': 4}" }
task returned_less() -> (f: file, n: int) { python "open(f, 'w').close(); return {'f': f}" }
task folder_not_file() -> f: file? { sh "mkdir {{f}}" }
task link() -> list[file] = "l/*" { in scratch; sh "mkdir l; ln -s /etc/passwd l/a" }
task link_out() -> list[file] = "l/pass*" { in scratch; sh "ln -s /etc l" }
task twice() -> (a: list[file] = "t/*.txt", b: list[file] = "t/a.*") { in scratch; sh "mkdir t; true > t/a.txt" }
task into_state() -> list[file] = "*/*.txt" { in scratch; sh "mkdir .cascade-x; true > .cascade-x/a.txt" }
task there() -> f: file = "there" { sh "true > {{f}}" }
task below() -> f: file = "file/x" { sh "true > {{f}}" }
a = printed_nothing()
b = printed_many()
c = printed_json()
d = printed_half()
e = printed_field()
e2 = printed_choice()
f = written_not()
g = written_wrong()
h = written_nothing()
i = written_folder()
j = written_bytes()
k = returned_no_record()
l = returned_other()
m = returned_file()
n = returned_less()
o = folder_not_file()
p = link()
q = link_out()
r = twice()
s = into_state()
t = there()
u = below()
output state = s
"""

SAID = """\
failed: a (printed_nothing): its standard output does not fit int: nothing was printed
failed: b (printed_many): its standard output does not fit int: expected int (a whole number), found the text "1 2 3"
failed: c (printed_json): its standard output does not fit list[int]: expected list[int], found a record; printed was {"a": 1}
failed: d (printed_half): its standard output does not fit json: expected json as JSON, found the text "[1, 2" (Expecting ',' delimiter, line 1, column 6)
failed: e (printed_field): its standard output does not fit {id: str, n: int}: the field `n: int` is missing from a record {id: str, n: int}; printed was {"id": "x", "m": 3}
failed: e2 (printed_choice): its standard output does not fit "fast" | "safe": expected "fast" | "safe", found the text "fats" (did you mean `fast`?)
failed: f (written_not): the output `n` was not written
failed: g (written_wrong): the output `m` does not fit int?: expected int (a whole number), found the text "x"
failed: h (written_nothing): the output `s` does not fit list[str]: nothing was written
failed: i (written_folder): the output `s` is a value, list[str], but a folder was written
failed: j (written_bytes): the output `s` is not UTF-8 (byte 0), str is wanted
failed: k (returned_no_record): the body must return a record with n, it returned the number 3
failed: l (returned_other): the returned record has coutn, which is no output (did you mean `count`?)
failed: m (returned_file): the returned record has f, which is a file: it is what stands at the path `f`
failed: n (returned_less): the returned record has no n
failed: o (folder_not_file): the output `f` is declared as a `file`, but a folder was written
failed: p (link): the output `out` is a symbolic link
failed: q (link_out): the output path `l/passwd` leads to `/etc`, through a link, which is not inside the project's folder
failed: r (twice): t/a.txt belongs to two of its outputs, a and b
failed: t (there): output f: at its path there stands a folder
failed: u (below): output f: its path file/x cannot be: file is a file
"""


def test_what_does_not_fit_is_said_with_what_was_there(project: Project) -> None:
    project.write("bad.csc", MISFITS)
    project.write("there/x", "")
    project.write("file", "")
    before = files(project.folder)
    done = project.cascade("run", "bad.csc", "--keep-going")
    assert (done.code, done.out) == (1, "state = []\n")
    said = sorted(line for line in done.err.splitlines() if line.startswith("failed: ") and "(" in line)
    assert said == sorted(SAID.splitlines())
    assert files(project.folder) == before
    left = drafts(project)
    assert {path.split("/")[1] for path in left if "/" in path} == {
        "work"
    }  # scratch folders of `in scratch`, and no drafts


# ---- patterns ---------------------------------------------------------------------------------------------------

IN_PLACE = """\
param fail: bool = false
task make(fail: bool) -> made: list[file] = "made/**/*.txt" {   # allow: written-in-place
  retry 1 backoff 0s..0s
  sh "mkdir -p made/deep; echo {{attempt}} > made/deep/{{attempt}}.txt; echo same > made/again.txt; ! {{fail}}"
}
m = make(fail)
output m = m
"""


def test_in_place_what_this_attempt_wrote_and_nothing_older(project: Project) -> None:
    project.write("p.csc", IN_PLACE)
    project.write("made/old.txt", "old\n")
    project.write("made/again.txt", "same\n")  # is written again, with the same bytes
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, 'm = ["made/again.txt", "made/deep/1.txt"]\n'), done.err
    assert files(project.folder) == {"made/old.txt": "old\n", "made/again.txt": "same\n", "made/deep/1.txt": "1\n"}


def test_a_body_that_fails_in_place_says_what_it_left(project: Project) -> None:
    project.write("p.csc", IN_PLACE)
    done = project.cascade("run", "p.csc", "--fail")
    assert done.code == 1
    assert project.shown(done.err) == (
        "failed: m (make): exit 1, and made/again.txt, made/deep/1.txt, made/deep/2.txt are left in place after 2 attempts\n"
        "  --> p.csc:6: m = make(fail)\n"
        "  sh p.csc:4: mkdir -p made/deep; echo 2 > made/deep/2.txt; echo same > made/again.txt; ! true\n"
        "  log: LOG\n"
        "failed: 0 tasks done, 1 failed in TIMEs; `cascade log m` shows more\n"
    )
    assert files(project.folder) == {"made/again.txt": "same\n", "made/deep/1.txt": "1\n", "made/deep/2.txt": "2\n"}


def test_a_value_in_a_pattern_stands_for_itself(project: Project) -> None:
    program = """\
param ids: list[str] = ["a*", "ab", "[a]", "?"]
param pattern: str = "q/*"
task make(id: str) -> list[file] = "p/{{id}}/*.txt" { in scratch; sh "mkdir -p p/{{id}}; true > p/{{id}}/{{id}}.txt" }
task free() -> list[file] = pattern { in scratch; sh "mkdir q; true > q/1 > q/2 > q/.hidden" }
output made = [make(id) for id in ids]
output free = free()
"""
    project.write("p.csc", program)
    done = project.cascade("run", "p.csc")
    expected = ", ".join(f'["p/{id}/{id}.txt"]' for id in ("a*", "ab", "[a]", "?"))
    assert (done.code, done.out) == (0, f'made = [{expected}]\nfree = ["q/1", "q/2"]\n'), done.err
    done = project.cascade("run", "p.csc", "--ids", "..", "--pattern", "../*", "-k")
    assert (done.code, done.out) == (1, "")
    said = project.shown(done.err).splitlines()
    assert sorted([tuple(said[:2]), tuple(said[2:4])]) == [  # either may be the first that fails
        ("failed: free: the pattern `../*` of an output holds `..`", "  --> p.csc:6: output free = free()"),
        (
            "failed: made[0] (make): the pattern `p/../*.txt` of an output holds `..`",
            "  --> p.csc:5: output made = [make(id) for id in ids]",
        ),
    ]
    assert said[4:] == ["failed: 0 tasks done, 2 failed in TIMEs"]


CLASH = """\
task left() -> list[file] = "p/*.txt" { in scratch; sh "mkdir p; echo left > p/both.txt; echo left > p/left.txt" }
task right(after: list[file]) -> list[file] = "p/b*.txt" { in scratch; sh "mkdir p; echo right > p/both.txt" }
task whole(n: int) -> d: dir = "p" { sh "mkdir {{d}}" }
l = left()
r = right(l)
w = whole(len(l))
output l = l
"""


def test_a_file_that_two_nodes_claim_is_an_error_of_the_second(project: Project) -> None:
    project.write("p.csc", CLASH)
    done = project.cascade("run", "p.csc", "-k")
    assert (done.code, done.out) == (1, 'l = ["p/both.txt", "p/left.txt"]\n')
    assert sorted(line for line in done.err.splitlines() if "it would" in line) == [
        "failed: r (right): it would publish p/both.txt, which l publishes too",
        "failed: w (whole): it would publish p, which l publishes too",
    ]
    assert files(project.folder) == {"p/both.txt": "left\n", "p/left.txt": "left\n"}


# ---- links and odd paths ----------------------------------------------------------------------------------------

PATHS = """\
param paths: list[str]
task one(path: str) -> f: file = path { sh "echo new > {{f}}" }
for path in paths { one(path) }
"""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("link/x", "the output path `link/x` leads to `OUT`, through a link, which is not inside the project's folder"),
        ("state/x", "the output path `state/x` leads to `HERE/.cascade`, through a link, which is not inside the project's folder"),
        ("x/../../y", "the output path `x/../../y` is not inside the project's folder"),
        ("/etc/x", "the output path `/etc/x` is not inside the project's folder"),
        ("", "the output path `` is not inside the project's folder"),
        ("deep/.cascade/x", "the output path `deep/.cascade/x` is in `.cascade`, which is Cascade's own"),
        (".cascade-0a/x", "the output path `.cascade-0a/x` is in `.cascade-0a`, which is Cascade's own"),
        ("x/", "the output path `x/` names a folder, and the output is a file"),
        ("x/.", "the output path `x/.` names a folder, and the output is a file"),
        ("a" * 256, f"the output path `{'a' * 59}…` is too long: a name in it may have 255 bytes"),
        ("p.csc", "output f: its path p.csc is that of the program, which it would replace"),
        ("./p.csc", "output f: its path ./p.csc is that of the program, which it would replace"),
        ("full/..", "the output path `full/..` is not inside the project's folder"),
    ],
)  # fmt: skip
def test_a_path_that_may_not_be_is_refused_before_the_body_runs(
    project: Project, tmp_path_factory: pytest.TempPathFactory, path: str, said: str
) -> None:
    out = tmp_path_factory.mktemp("out")
    (out / "x").write_text("theirs")
    (project.folder / "link").symlink_to(out)
    (project.folder / "state").symlink_to(".cascade")
    project.write("p.csc", PATHS)
    done = project.cascade("run", "p.csc", "--paths", path)
    shown = said.replace("OUT", str(out)).replace("HERE", str(project.folder))
    assert (done.code, done.err.splitlines()[0]) == (1, f"failed: one[{label(path)}] (one): {shown}"), done.err
    assert [p.name for p in out.iterdir()] == ["x"]
    assert (out / "x").read_text() == "theirs"
    assert not list((project.folder / ".cascade" / "runs").glob("*/logs/000/1.log"))


def label(path: str) -> str:
    """How an item names its instance."""
    return path if path and len(path) <= 40 and "." not in path else "0"


def test_two_ways_to_one_place_are_one_path(project: Project) -> None:
    (project.folder / "real").mkdir()
    (project.folder / "alias").symlink_to("real")
    project.write("p.csc", PATHS)
    args = [word for path in ("real/x", "alias/x", "real//./x") for word in ("--paths", path)]
    done = project.cascade("run", "p.csc", "-k", "--limit", "global 1", *args)
    assert [line for line in done.err.splitlines() if "it would" in line] == [
        "failed: one[alias/x] (one): it would publish alias/x, which one[real/x] publishes too",
        "failed: one[2] (one): it would publish real/x, which one[real/x] publishes too",
    ]
    assert files(project.folder / "real") == {"x": "new\n"}


def test_a_link_that_a_body_makes_leads_nowhere(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("out")
    project.write("p.csc", f'task t() -> f: file = "out/x" {{ sh "ln -s {out} out; true > {{{{f}}}}" }}\nt()\n')
    done = project.cascade("run", "p.csc")
    assert done.err.splitlines()[0] == (
        f"failed: t: its results could not be published: the output path `out/x` leads to `{out}`, through a link, "
        "which is not inside the project's folder"
    )
    assert list(out.iterdir()) == []


def test_a_folder_output_does_not_replace_what_it_is_made_from(project: Project) -> None:
    project.write("data/in.txt", "in\n")
    project.write(
        "p.csc",
        'task t(x: file) -> d: dir = "data" { sh "mkdir {{d}}; cat {{x}} > {{d}}/y" }\nt(file("data/in.txt"))\n',
    )
    done = project.cascade("run", "p.csc")
    assert done.err.splitlines()[0] == "failed: t: output d: in its path data lies an input, which it would replace"
    assert files(project.folder) == {"data/in.txt": "in\n"}


# ---- what an earlier result left --------------------------------------------------------------------------------

STALE = """\
param n: int = 3
param other: bool = false
param keep: file? = none
task make(n: int) -> (parts: list[file] = "out/*.txt", log: file = "out/log-{{n}}", d: dir = "dir-{{n}}") {
  in scratch
  python '''
    import os
    os.mkdir("out")
    for i in range(n):
        open(f"out/{i}.txt", "w").write(f"{i}\\n")
    open(log, "w").write("log\\n")
    os.mkdir(d)
    open(d + "/x", "w").write("x\\n")
  '''
}
task single(i: int) -> f: file = "out/{{i}}.txt" { sh "echo {{i}} > {{f}}" }
task look(f: file) -> str { sh "cat {{f}}" }
MORE
m = make(n)
output parts = m.parts
"""


def made(n: int) -> dict[str, str]:
    return {**{f"out/{i}.txt": f"{i}\n" for i in range(n)}, f"out/log-{n}": "log\n", f"dir-{n}/x": "x\n"}


def test_what_an_earlier_result_had_and_this_one_has_not_is_removed(project: Project) -> None:
    project.write("p.csc", STALE.replace("MORE", ""))
    assert project.cascade("run", "p.csc").code == 0
    assert files(project.folder) == made(3)
    project.write("out/2.txt", "mine now\n")  # changed by the user
    project.write("out/1.txt", "1\n")  # written again, with the same content
    project.write("dir-3/y", "mine\n")
    project.write("out/theirs.txt", "theirs\n")
    assert project.cascade("run", "p.csc", "--n", "1").code == 0
    theirs = {"out/2.txt": "mine now\n", "dir-3/x": "x\n", "dir-3/y": "mine\n", "out/theirs.txt": "theirs\n"}
    assert files(project.folder) == made(1) | theirs
    assert project.cascade("run", "p.csc", "--n", "0").code == 0
    assert files(project.folder) == made(0) | theirs
    assert drafts(project) == []


@pytest.mark.parametrize(
    ("more", "args"),
    [
        ("for i in range(1, 3) { single(i) }", ()),
        ('for i in range(1, 3) { single(i) after m }', ()),
        ('output seen = [read(f) for f in [file("out/1.txt"), file("out/2.txt")]]', ()),
        ('output seen = [read(f) for f in glob("out/[12].txt")]', ()),
        ('task use(d: dir) -> str { sh "cat {{d}}/1.txt" }\noutput seen = use(dir("out"))', ()),
        ('param given: list[file]\noutput seen = [look(g) for g in given]', ("--given", "out/1.txt", "--given", "out/2.txt")),
    ],
    ids=["before", "after", "named", "matched", "folder", "param"],
)  # fmt: skip
def test_what_the_program_names_or_another_node_publishes_stays(
    project: Project, more: str, args: tuple[str, ...]
) -> None:
    project.write("p.csc", STALE.replace("MORE", ""))
    assert project.cascade("run", "p.csc").code == 0
    project.write("p.csc", STALE.replace("MORE", more))
    done = project.cascade("run", "p.csc", "--n", "1", *args)
    assert done.code == 0, done.err
    log = {"out/log-3": "log\n"} if "dir(" in more else {}  # of a folder that is named all stays
    assert files(project.folder) == made(1) | {"out/1.txt": "1\n", "out/2.txt": "2\n"} | log


def test_only_the_same_node_of_the_same_program_removes(project: Project) -> None:
    project.write("p.csc", STALE.replace("MORE", ""))
    project.write("q.csc", STALE.replace("MORE", ""))
    assert project.cascade("run", "p.csc").code == 0
    assert project.cascade("run", "q.csc", "--n", "1").code == 0
    project.write(
        "p.csc", STALE.replace("MORE", "").replace("m = make(n)", "k = make(n)").replace("m.parts", "k.parts")
    )
    assert project.cascade("run", "p.csc", "--n", "0").code == 0
    assert files(project.folder) == made(3) | made(1) | made(0)


def test_a_failed_run_removes_nothing_and_the_next_good_one_does(project: Project) -> None:
    project.write("p.csc", STALE.replace("MORE", ""))
    assert project.cascade("run", "p.csc").code == 0
    project.write("p.csc", STALE.replace("MORE", "").replace("import os\n", "import os; assert n\n"))
    assert project.cascade("run", "p.csc", "--n", "0").code == 1
    assert files(project.folder) == made(3)
    project.write("p.csc", STALE.replace("MORE", ""))
    index = project.folder / ".cascade" / "published.db"
    index.write_text("not a database, which costs nothing: it is made again")
    assert project.cascade("run", "p.csc", "--n", "0").code == 0
    assert files(project.folder) == made(0)


def test_a_task_that_publishes_nothing_any_more_removes_what_it_had(project: Project) -> None:
    project.write("p.csc", 'task t() -> f: file = "f.txt" { sh "true > {{f}}" }\nx = t()\n')
    assert project.cascade("run", "p.csc").code == 0
    assert files(project.folder) == {"f.txt": ""}
    for program in (
        'task t() -> f: file? = "f.txt" { sh ": {{f}}" }',
        'task t() -> int { sh "echo 1" }',
        'task t() { sh "true" }',
    ):
        project.write("f.txt", "")
        project.write("p.csc", f"{program}\nx = t()\n")
        assert project.cascade("run", "p.csc").code == 0
        assert files(project.folder) == ({} if "?" in program else {"f.txt": ""})


# ---- two runs at once -------------------------------------------------------------------------------------------

GATED = """\
param text: str
task make(text: str) -> list[file] = "p/*.txt" {
  in scratch
  sh "echo {{text}} >> HERE/begun; cat HERE/gate/{{text}} > /dev/null; mkdir p; echo {{text}} > p/1.txt; echo {{text}} > p/{{text}}.txt"
}
output m = make(text)
"""


def test_another_live_run_waits_for_a_pattern(project: Project) -> None:
    project.write("p.csc", GATED.replace("HERE", str(project.folder)))
    project.fifos(["a", "b"])
    first = project.start("run", "p.csc", "--text", "a")
    project.wait_for("begun", 1)
    second = project.start("run", "p.csc", "--text", "b")
    project.wait(lambda: "waits: another live run publishes p/*.txt" in second.err, "the second to wait")
    assert project.lines("begun") == ["a"]
    project.open_gate("a")
    assert first.finish().code == 0
    project.open_gate("b")
    done = second.finish()
    assert (done.code, done.out) == (0, 'm = ["p/1.txt", "p/b.txt"]\n')
    assert files(project.folder / "p") == {"1.txt": "b\n", "b.txt": "b\n"} or os.path.exists(
        project.folder / "p" / "a.txt"
    )
