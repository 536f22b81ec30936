"""What is on a worker's GPU: how much a model and its job take, how it is put there, and who leaves for whom.

    shapes          the size of the work that memory is counted for
    footprints      what a model and its work take, computed
    needs           the same, measured where runs have measured it
    budget          what a worker may use of its GPU, and the modes low, balanced and high
    planner         how each model is put on a GPU so that it fits
    current_plans   how each is put now: smaller, where the GPU proved too small
    measured_peaks  peaks of runs, read from Redis now and then
    pass_parts      parts that belong to a pass and not to the table: control nets, adapters
    gpu_ledger      who holds how much, what a job lacks, who may leave
    host_cache      the second tier: models that wait in host RAM
    unload_check    whether the memory of what was unloaded came back
    evictions       who leaves, in which order, and where to
    residency       the whole as a job uses it: a loaded model with room to work

Pure but for `measured_peaks` (Redis); torch is not known here, devices come in through `unload_check.Device`.
"""
