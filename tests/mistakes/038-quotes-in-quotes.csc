## Label releases and build their notes.

param versions: list[str] = ["1.0", "1.1"]

task notes(version: str) -> text: file = "notes/{{version}}.md" {
  sh "git log --format=%s v{{version}} > {{text}}"
}

task tag_release(version: str) {
  requires repo
  sh "git tag -a v{{version}} -m "release {{version}}""
}

limit repo 1

written = [notes(v) for v in versions]
for v in versions {
  tag_release(v) after written
}
output notes = written
