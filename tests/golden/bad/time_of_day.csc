limit global 3 from 09:00 to 25:00
