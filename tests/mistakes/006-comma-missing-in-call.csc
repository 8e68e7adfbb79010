## Convert recordings to spectra.

param rate: int = 16000
param recordings: list[file] = [file("a.wav"), file("b.wav")]

task resample(sound: file, rate: int) -> flat: file {
  sh "sox {{sound}} -r {{rate}} -c 1 -t wav {{flat}}"
}

task spectrum(sound: file) -> image: file {
  sh "sox {{sound}} -n spectrogram -o {{image}}"
}

flat = [resample(r rate) for r in recordings]
output images = [spectrum(f) for f in flat]
