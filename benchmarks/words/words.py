def words(text, shortest):
    return [word for word in text.split() if len(word) >= shortest]
