limit task:fetch 3
limit task:fetch* 10/s burst 20
limit task:qc.run 2
limit tag:api 100/m
limit flow:train 2 whole
limit mem 32GB
limit disk 10MB/s
limit cpu 2.5
limit db none
limit task:fetch top * 2
limit task:fetch 2 by host
limit task:fetch 2 by lower(host) + "x" hard
limit task:fetch 1 for 10m
limit task:fetch 1 until 08:00
limit task:fetch 3 from 09:00 to 18:00 mon-fri
limit task:fetch 3 from 22:00 to 6:00 sat,sun-tue because "night"
limit task:fetch 3 from 22:00 to 23:59
limit api 5 hard because "they asked"
limit task:fetch 0.5/h
limit task:fetch 4 if big else 2
limit task:fetch -1
