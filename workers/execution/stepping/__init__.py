"""Steps, not jobs: pictures of many jobs share passes, join and leave between any two of them.

seats      who takes the next step: pure
pace       how many samples fit a pass, and how many keep it quick
room       how much memory a run is given, and what fits into it
members    one job of a run: its claim, its pictures on their way, how it ends
company    who is under way, and how they leave
arrivals   what waits in the queues
admission  who joins
keeping    checkpoints, and going on from them
finishing  pictures are decoded and stored, and the job ends
behind     the threads on which that happens beside the next pass
run        the loop
vigil      runs between two of their tickets
"""
