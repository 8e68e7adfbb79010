type Sample = {id str}
param samples: list[Sample] = []
param top = 3
task fetch(u str) -> file { sh "curl {{u}} -o {{out}}" }
urls = [1, 2
limit task:fetch 3
pages = [fetch(u) for u in urls]
ids = [s.id for s in samples if s.depth > top]
wrong, more = zip(urls, pages)
output n = len(pages) + wrong + more + len(ids) + other
