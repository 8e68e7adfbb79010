## Denoise recordings, then find the calls of birds.

param recordings: list[file] = glob("field/*.wav")
param species: str = "Turdus merula"

task denoise(recording: file) -> clean: file {
  requires cpu = 2
  sh "denoise {{recording}} {{clean}}"
}

task detect(clean: file, species: str) -> calls: file = "calls/{{stem(clean)}}.csv" {
  requires gpu = 1
  sh "birdnet --species {{species}} {{clean}} > {{calls}}"
}

clean = [denose(r) for r in recordings]
output calls = [detect(c, species) for c in clean]
