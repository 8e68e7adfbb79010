## Plot the training and the test error.

param log: file = file("train.log")

task errors(log: file, kind: str) -> table: file {
  sh "grep {{kind}} {{log}} | cut -d, -f2- > {{table}}"
}

task plot(table: file, title: str) -> image: file = "plots/error.png" {
  requires mem = 300MB
  sh "plot --title {{title}} {{table}} > {{image}}"
}

train_plot = plot(errors(log, "train"), "train")
test_plot = plot(errors(log, "test"), "test")
output plots = [train_plot, test_plot]
