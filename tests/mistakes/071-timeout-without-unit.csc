## Ask several models the same questions.

param models: list[str] = ["small", "large"]
param questions: file = file("questions.jsonl")

limit task:ask 2

task ask(model: str, questions: file) -> answers: file = "answers/{{model}}.jsonl" {
  retry 2 backoff 5s..1m
  timeout 600
  sh "ask --model {{model}} {{questions}} > {{answers}}"
}

task grade(answers: file) -> float {
  sh "grade {{answers}}"
}

output grades = [grade(ask(m, questions)) for m in models]
