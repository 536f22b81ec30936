"""What engines ask of torch, whatever their model.

precision      a plan's precision -> torch's types; linears in four bits
noise          a seed -> a generator
finite         refuses numbers that are none
out_of_vram    "out of memory" told from every other failure, and the memory given back
device_lost    a GPU that is lost to this process, told from what a library raised
host_copy      a module's way off the GPU and back
cuda_device    what residency asks of a GPU
cuda_probe     whether torch can use a GPU at all
run_ahead      the host is one pass ahead of its GPU at the most
levers         what may make a card quicker, by name
traced         calls of a network without Python between its operators
torch_threads  torch's threads, and a look in between the modules of a network that runs
hub_kernels    compiled kernels from a hub: kept out
"""
