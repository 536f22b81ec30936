"""The parts of SDXL beside its engine: files, prompts, schedulers, previews, decoding, placement, and the toy."""
