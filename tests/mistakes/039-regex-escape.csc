## Pick the tables out of archives.

param archives: list[file] = glob("in/*.zip")

task listing(archive: file) -> names: file {
  sh "unzip -Z1 {{archive}} | grep -E '\.csv$' > {{names}}"
}

task extract(archive: file, names: file) -> tables: dir {
  requires mem = 100MB
  sh "mkdir -p {{tables}}; xargs unzip -d {{tables}} {{archive}} < {{names}}"
}

output folders = [extract(a, listing(a)) for a in archives]
