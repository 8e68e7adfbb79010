type Sample = {id: str, reads: list[file]}
param top: int = 3
limit task:fetch 2 by hots
limit tag:net 2 by host
limit task:fetch 2 by top
limit task:fetch 2 by sample
limit task:fetch 2 by read(url)
limit task:fetch 2 by upload(url)
limit task:fetch 2 by host + 1
limit task:fetch 2 by sample.ids
limit task:fetch 2 by host
limit task:fetch 3 by ( host )
task fetch(host: str, url: str, sample: Sample) { tag net; sh "curl {{url}} {{host}} {{sample.id}}" }
task upload(url: str) { tag net; sh "curl {{url}}" }
fetch("a", "b", {id: "x", reads: []})
upload("u")
