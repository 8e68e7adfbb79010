limit tasks:fetch 3
