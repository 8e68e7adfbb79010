## Encode films in several qualities.

param film: file = file("film.mkv")
param qualities: list[int] = [480, 720, 1080]

task encode(film: file, quality: int) -> video: file = "video/{{quality}}.mp4" {
  requires cpu = 4
  timeout 3h
  sh "ffmpeg -i {{film}} -vf scale=-2:{{quality}} {{video}}"
}

task poster(video: file) -> image: file = "video/poster.jpg" {
  sh "ffmpeg -i {{video}} -frames:v 1 {{image}}"
}

videos = [encode(film, quality) for quality in qualities]
output poster = poster(encode(film, quality))
