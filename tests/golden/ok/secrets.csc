## A secret goes to the tasks that name it, by a variable of their environment.

secret TOKEN
secret DB_PASSWORD

task fetch(url: str) -> page: file {
  env { API_TOKEN = TOKEN, URL = url }
  sh "curl -fsS -H @<(printf 'Authorization: Bearer %s' \"$API_TOKEN\") {{url}} -o {{page}}"
}

task load(page: file) {
  env { PGPASSWORD = DB_PASSWORD }
  python """
    import os
    print(len(os.environ["PGPASSWORD"]))
  """
}

page = fetch("https://a.example")
load(page) with { env { API_TOKEN = TOKEN, PGPASSWORD = "none" } }
load(page)
