## Render the frames of a clip.

param frames: int = 48
param scene: file = file("scene.blend")

limit task:render 4

task render(scene: file, frame: int) -> image: file = "frames/{{format(frame, "04d")}}.png" {
  requires cpu = 2, mem = 4GB
  sh "blender -b {{scene}} -o {{image}} -f {{frame}}"
}

task encode(images: list[file]) -> clip: file = "clip.mp4" {
  sh "cat {{images}} | ffmpeg -f image2pipe -i - {{clip}}"
}

let images = [render(scene, n) for n in range(frames)]
output clip = encode(images)
