## Send a reminder to each customer with an open invoice.

type Invoice = {customer: str, cents: int, paid: bool}

param invoices: list[Invoice] = [{customer: "ann@example.org", cents: 1200, paid: false}]

limit task:remind 5

task remind(customer: str, cents: int) {
  retry 2
  sh "send-mail --to {{customer}} --amount {{cents}}"
}

open_invoices = [i for i in invoices if not i.paid]

for i in open_invoices:
  remind(i.customer, i.cents)
