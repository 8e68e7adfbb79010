return 3
for i in range(3) { output x = i }
