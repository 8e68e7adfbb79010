## Greet some people, then count the letters: the smallest whole program.

param names: list[str] = ["Ada", "Grace", "Edsger"]   ## whom to greet

task greet(name: str) -> str {
  sh "echo Hello, {{name}}!"
}

task count(greetings: list[str]) -> int {
  python "return sum(len(greeting) for greeting in greetings)"
}

greetings = [greet(n) for n in names]

output greetings = greetings
output letters = count(greetings)
