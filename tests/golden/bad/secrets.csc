secret TOKEN
secret TOKEN
secret KEY = "abc"
secret PIN: int

task fetch(url: str = TOKEN) -> page: file = "{{TOKEN}}.html" {
  requires cpu = len(TOKEN)
  env { AUTH = "Bearer {{TOKEN}}", OTHER = TOKEN ?? "" }
  sh "curl -H {{TOKEN}} {{url}} -o {{page}}"
}

task rank(page: file) -> json {
  python """
    return {"by": TOKEN, "page": page}
  """
}

task say(text: str) { exec ["echo", TOKEN, text] }

limit task:fetch len(TOKEN)
param token: str = TOKEN
page = fetch(TOKEN)
seen = env("TOKEN")
found = [rank(p) for p in [page] if TOKEN == "x"]
output secret_value = TOKEN
say("x") after TOKEN
TOKEN(1)
say(TOKEN.x)
