## Split a ledger by account and total each part.

param ledger: file = file("ledger.csv")
param accounts: list[str] = ["cash", "stock", "rent"]

def total(ledger: file, account: str) -> float {
  python """
    import csv
    with open(ledger) as rows:
      return sum(float(r["amount"]) for r in csv.DictReader(rows) if r["account"] == account)
  """
}

totals = {a: 0.0 for a in accounts}
sums = [total(ledger, a) for a in accounts]
output sums = sums
output accounts = keys(totals)
