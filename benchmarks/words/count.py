"""Count the words of a text: called by Cascade as a function, by Snakemake as a script, by Make as a program."""

import os
import sys
import time
from pathlib import Path

from words import words


def count(cleaned, counts, shortest):
    with open(os.environ["RAN"], "a") as ran:
        ran.write(f"count {Path(cleaned).stem}\n")
    number = len(words(Path(cleaned).read_text(), shortest))
    with open(counts, "w") as file:
        file.write(f"{number} ")
        file.flush()
        if os.path.exists("stall"):
            time.sleep(60)
        file.write("words\n")


if "snakemake" in globals():
    count(snakemake.input[0], snakemake.output[0], snakemake.params.shortest)  # noqa: F821
elif __name__ == "__main__":
    count(sys.argv[1], sys.argv[2], int(sys.argv[3]))
