"""Moondream 2 in plain torch: a picture becomes 729 tokens, and a small language model answers about it.

    config        the sizes of a model, as frozen data
    vision        picture -> crops -> features -> image tokens
    text          image tokens and words -> hidden states, with a batched KV cache
    region        coordinates and sizes <-> hidden states
    network       the three parts as one nn.Module, under the checkpoint's key names
    tokenizer     words <-> token ids
    requests      what may be asked of the model, and what comes back
    prompts       what is asked -> what is fed
    sampling      logits -> the next token, by noise that a sequence's seed alone decides
    scripts       what one sequence does with each hidden state
    strands       one sequence on its way: what is fed, where it stands
    turns         hidden states -> what each script feeds next
    seating       a running generation: strands take seats in one cache, make turns together, leave
    generate      requests -> words and answers, the next beginning when one has ended
    model         the whole as an engine uses it
    training      the same network with gradients
    weights       a snapshot folder -> a network
    toy           a snapshot folder of a small random model
    prefix_cache  encode a picture once, ask many times
    tasks         tasks of a caller <-> requests and answers of the model
    asking        one task on its way through
    talking       tasks of many jobs on their way, from turn to turn or from end to end
    engine        loads a model, answers jobs, gives way when memory is short
    memory        what its work takes beside its weights; arithmetic only
    inspection    whether a whole model lies on the disk

All but the last six import only shared, the noise of `torch_tools`, torch and small libraries; quantising comes in from
outside (`Moondream.load`).
"""
