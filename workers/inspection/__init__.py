"""Whether what lies on the disk is the model it should be, whole: from first bytes, headers and JSON alone.

Nothing here reads a tensor, opens a pickle or imports torch, so `darkroom doctor` looks at every model in a moment, and
every engine looks before it loads: a library that misses a file may go on without it, and paint, talk or rate from random
weights. Each flaw is one sentence for a caller: it names files relative to the model, never where the server keeps them.
"""
