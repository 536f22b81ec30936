"""A worker's main process: it never touches CUDA, and everything that must go on while the child computes is done here.

    main_process  how it begins and ends: ready, drained, orphaned, stopped
    duties        the thread that does each duty at its pace
    watchdog      leases on a thread of their own, jobs that hang, a child that dies
    reports       what the worker says of itself, and its state
    affinity      which queue is read next; pure
    queue_order   what that is decided on, and the hook into kombu
    turns         a child that goes on with one model's run hears whose turn it is
    tickets       tickets that stand for no work are dropped before the child sees them
    keep_alive    commands that a worker gives itself: let go of idle models
    at_hand       models that are loaded before anybody asks, and stay
    yielding      the GPU is left to a foreign program, and taken again

What it does for the whole rack (recovery, batches) is in wings of its own; `workers.assembly` puts all of it together.
"""
