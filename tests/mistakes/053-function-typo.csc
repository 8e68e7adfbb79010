## One archive for each day of pictures.

param pictures: list[str] = ["2026-01-01/a.jpg", "2026-01-01/b.jpg", "2026-01-02/c.jpg"]

task pack(day: str, members: list[str]) -> archive: file = "days/{{day}}.tar" {
  requires cpu = 1
  sh "tar cf {{archive}} {{members}}"
}

days = unqiue([split(p, "/")[0] for p in pictures])
output archives = [pack(d, [p for p in pictures if starts_with(p, d)]) for d in days]
