param pages: lists[str]
