"""The stages of the ten-minute run on a card, one file each; `tests.bench.bench_gpu` runs them."""
