"""Commands that need this host: its driver, its disk, its GPUs. Run by a person; they load no torch and start nothing.

Reading order:
- `doctor`: what is well and what is not here; why one job is not moving; tickets for jobs that lost theirs
- `diagnosis`: the judgement behind it, pure
- `host_facts`: what it judges by: versions, processes, the disk
- `plan`: how a GPU's memory would be laid out, for one that is here or imagined
- `pull`: fetches a model's weights whole or not at all
"""
