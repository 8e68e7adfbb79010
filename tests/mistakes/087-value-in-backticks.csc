## Stamp each build with its commit.

param services: list[str] = ["cart", "search"]

task build(service: str) -> image: file = "images/{{service}}.tar" {
  requires cpu = 2, mem = 2GB
  timeout 20m
  sh """
    service={{service}}
    commit=`git -C {{service}} rev-parse HEAD`
    docker build -t "$service:$commit" "$service"
    docker save "$service:$commit" > {{image}}
  """
}

output images = [build(s) for s in services]
