"""What a worker has to work with: its slot, GPUs as the driver tells of them, RAM, cores. No torch, no CUDA context.

slot                one worker's place, as its launcher decided it
snapshot            one GPU at one moment, and the energy between two
gpu                 what the driver says, and which GPUs are chosen
mig                 the slices of a GPU that is cut
gpu_lock            one launcher per GPU
host_ram            how much RAM may be counted on
cores               how many cores may be used, and of what kind
thread_book         how many threads suit each model on this host, measured once
allocator_settings  what torch's allocators are told before torch loads
"""
