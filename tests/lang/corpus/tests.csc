test "ranks across pages" {
  mock fetch(url) = file("fixtures/{{stem(url)}}.html") takes 2s
  mock count(page) fails exit 75 times 1
  mock qc.run = 3
  mock a(x, y,) = x + y fails times 2 takes 1m
  mock b fails
  let r = main(urls = ["x", "y"], top = 2)
  expect lines(r.words) == ["the,7", "of,3"]
  expect peak(fetch) <= 2
}
test 'empty' { }
