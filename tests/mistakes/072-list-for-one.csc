## Transcode a library of music.

param songs: list[file] = glob("music/*.flac")
param bitrate: int = 192

task transcode(song: file, bitrate: int) -> small: file = "mp3/{{stem(song)}}.mp3" {
  requires cpu = 1
  sh "ffmpeg -i {{song}} -b:a {{bitrate}}k {{small}}"
}

task playlist(songs: list[file]) -> list_file: file = "mp3/all.m3u" {
  sh "printf '%s\\n' {{songs}} > {{list_file}}"
}

small = transcode(songs, bitrate)
output playlist = playlist(small)
