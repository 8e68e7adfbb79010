## Plan routes of delivery vans.

type Van = {id: str, seats: int, depot: str}

param vans: list[Van] = [
  {id: "v1", seats: 3, depot: "east"},
  {id: "v2", seats: 2},
]
param orders: file = file("orders.csv")

task plan(id: str, depot: str, orders: file) -> route: file = "routes/{{id}}.json" {
  requires cpu = 2
  timeout 15m
  sh "plan-route --from {{depot}} {{orders}} > {{route}}"
}

output routes = [plan(v.id, v.depot, orders) for v in vans]
