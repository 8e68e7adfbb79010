## Where json is wanted, a list may hold values of several types, at any depth.

param settings: json = {limits: [1, 2.5, none, true], nested: {rows: [{a: 1}, ["x"]]}}

task show(x: json) -> json {
  python "return x"
}

output shown = show({k: "v", mixed: [1, "a", {b: [none, 2]}]})
output settings = settings
