## A comprehension without calls stays an expression.

xs = [n * n for n in range(10) if n % 2 == 0]
output pairs_ = ["{{a}}-{{b}}" for a in xs for b in ["x"] if a > 4]
output by_name = {str(x): x for x in xs}
