type Tree = {left: Branch?, name: str}
type Branch = {leaves: list[Leaf]}
type Leaf = {back: dict[Tree], n: int}
type Fine = {tree: Tree, leaf: Leaf}
param t: Tree
param f: Fine
