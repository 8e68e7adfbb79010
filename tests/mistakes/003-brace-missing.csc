## Resize the pictures of a shop and make a sheet of them.

param pictures: list[file] = glob("img/*.jpg")
param width: int = 640

task shrink(picture: file, width: int) -> small: file = "small/{{basename(picture)}}" {
  requires cpu = 1, mem = 200MB
  sh "convert {{picture}} -resize {{width}}x {{small}}"

task sheet(pictures: list[file]) -> page: file = "sheet.png" {
  sh "montage {{pictures}} -geometry +4+4 {{page}}"
}

small = [shrink(p, width) for p in pictures]
output page = sheet(small)
