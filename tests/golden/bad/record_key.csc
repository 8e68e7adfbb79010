ages = {1: "one"}
