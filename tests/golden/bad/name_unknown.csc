param urls: list[str] = []
task fetch(url: str) { sh "curl {{ulr}} {{urls}}" }
pages = [fetch(v) for u in url]
output n = len(pagse)
output t = True
