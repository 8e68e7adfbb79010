## Make thumbnails of videos.

param videos: list[file] = glob("videos/*.mp4")
param second: int = 3

task thumbnail(video: file, second: int) -> image: file = "thumbs/{{stem(video)}}.jpg" {
  requires cpu = 1
  retry 1
  sh "ffmpeg -ss {{second}} -i {{vidoe}} -frames:v 1 {{image}}"
}

task gallery(images: list[file]) -> page: file = "thumbs/index.html" {
  sh "make-gallery {{images}} > {{page}}"
}

output page = gallery([thumbnail(v, second) for v in videos])
