limit global 3 for 10m until 18:00
