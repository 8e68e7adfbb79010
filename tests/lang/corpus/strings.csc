triple = """
  one
    two
  three \n {{x}}

  four \{{ \"""
  """
triple_beside = """first
  second"""
triple_one_line = """a "quoted" word"""
triple_raw = '''
	tabs {{x}}
	end'''
nested = "a {{"b {{"c {{d}}"}}"}} e"
brackets = "{{ {a: {b: [1, {}]}} }}"
records = "{{ {a: 1}}}"
single = "{{'x}}' + f("}}")}}"
braces = "{ } }} {"
newline_in_place = """
  {{
    f(a,
      b)
  }}
"""
empty_triple = """"""
blank_triple = """
   """
task bodies() {
  python """
    def f():
        return {"{{": 1}

    return f()
    """
}
task one_line() { python "return \"x\" # {{" }
task raw() { python 'return "\n"' }
task script(xs: list[str]) {
  sh """
    for f in {{xs}}; do
      echo "$f" "{{xs}}" ${HOME}
    done
  """
}
