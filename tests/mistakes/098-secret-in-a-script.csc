## Send a summary through a service that wants a key.

param day: str = "2026-07-01"
secret API_KEY

task summary(day: str) -> text: file = "summary/{{day}}.txt" {
  requires cpu = 1
  sh "summary --day {{day}} > {{text}}"
}

task send(text: file) {
  retry 3
  timeout 30s
  sh "send-mail --key {{API_KEY}} < {{text}}"
}

text = summary(day)
send(text)
