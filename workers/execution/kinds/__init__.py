"""What a worker does for each kind of job: from claimed records to results. One file a kind, one row in the table.

    base       the protocol of a kind, its outcomes, and the way onto the GPU
    generate   pictures
    analyze    answers about pictures
    embed      vectors of words and pictures
    commands   load a model, unload it
    table      kind -> how it is run

A new kind: its file here, its row in `table`, and its row in `shared.contracts.kinds`.
"""
