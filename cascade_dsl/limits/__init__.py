"""The ledger: pools, words in layers, demands, admission. Pure: no clock, no chance, no I/O.

*Pools.* A resource has a pool; a scoped limit makes one on which each node in its scope asks 1; a pause makes one of
capacity 0. `Words` gives capacities and rates. What is taken of a hold pool is the sum over its holders; a spend pool is a
token bucket (`Tokens`), its level a function of (level, instant) and of now. A limit with `by` is a `Family`: a pool for each key.

*Classes.* Nodes of one template whose amounts are zero in the same places are a shape: they demand the same pools, and
pools of the same families. Nodes of one shape, one rank and the same keys are a class, a `NodeQueue` in the order of age, which
knows its pools. Global order is (rank, age). A class that lacks a key is not admissible, and reserves nothing. A node
that is given a key joins a class of that label behind older ones, or opens another: queues only grow at their ends.
While a running node lacks the key of a hold family, nothing starts that demands one of its pools.

*Choice.* A heap `_ready` holds classes under a lower bound of the order of their first node that fits. `choose` pops
the least, looks whether it fits (shared pools once, then the descent in the queue) and puts it back under the exact
order, until the top is exact. A class that a pool refuses whole goes to sleep among the pool's `Sleepers` of its least need;
room on the pool wakes only those that now fit, and they stand in `_ready` as one entry under the best of them:
5000 one-node classes that wait for one core cost one look each time a core becomes free. A class whose nodes
are refused by one pool here, another there sleeps jointly: any room on a pool that varies wakes it. When `choose`
says None, every class sleeps, so that the next turn costs only what its changes woke. Heap entries are never searched
for: a class's stamp voids them.

*Time.* A class that hold pools refuse sleeps on one of them; one that only tokens refuse sleeps on the pool that is covered last.
For each spend pool on which somebody sleeps the instant is written down at which it covers the least need; for a joint
class the first instant at which one of its nodes is covered everywhere (`NodeQueue.earliest`); for a reservation the instant at
which all its tokens are there. They stand in one heap, void entries fall out at its top, and only pools that have changed
are written down anew. `due` is the least of them: where amounts are the same in a class it is the very instant of its next
start, else never later. `at` wakes what is due, so that no instant that has passed is ever asked for again.

*Passing.* When x starts, then for each pool P that it takes from, let f be the first in order of the waiting nodes that
demand P and would fit an empty machine. x has passed f when f is before it in order, lacks P after the start, and
lacks no pool but through those that passed it too: a hold pool through holders later in order that started after f was queued,
a spend pool through what such starts took of it while f was its first (a debt). A node that waits
for `task:slow` behind an older slow one is not delayed by what takes cpu meanwhile; nor is one that waits for the next token of
its own rate. At 64 passes f claims its pools. A claim is a reservation unless an older claim shares a pool, or the node would not
fit an empty machine now (starved, paused, without a key). Of a reserved pool others may take only what leaves the reserved demand
free: nothing where it is lacking. Claims are on disjoint pools, so each reserved pool only drains, or fills with tokens, until the
node fits. Each pool knows the claims on it in order, so that a claim that comes or goes concerns its own pools only.
Why this suffices: once the nodes before f have ended, every start that keeps f waiting is a pass, or adds to a debt that soon
makes it one; a bounded number of those and f is reserved, or none and its pools drain and fill.

What would force a redesign: pools that a node takes one after another (now all demands are taken at one instant); an
order that is not a total order known when a node is queued; amounts that change while a node waits.
`whole` fits: holders that are instances.
"""
