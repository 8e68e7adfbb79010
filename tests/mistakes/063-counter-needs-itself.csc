## Number the episodes of a season.

param titles: list[str] = ["Pilot", "The Return"]
param first: int = 1

task cut(title: str, number: int) -> video: file = "season/{{number}}.mp4" {
  requires cpu = 4
  timeout 1h
  sh "cut --title {{title}} > {{video}}"
}

number = number + 1
output videos = [cut(t, number + i) for i, t in enumerate(titles)]
