"""Steps, not jobs: pictures, or answers, of many jobs share passes, join and leave between any two of them.

seats      who takes the next step: pure
pace       how many samples fit a pass, and how many keep it quick
room       how much memory a run is given, and what fits into it
trades     what a run makes: pictures or answers
members    one job of a run: its claim, its pictures on their way, how it ends
telling    the thread that tells their records how far they are, and who reads along the words of answers
fetching   the threads that fetch what a job begins with: its picture, its checkpoint
company    who is under way, and how they leave
standing   how they will stand after the pass that is made now: pure
arrivals   what waits in the queues
admission  who joins
ahead      the thread that looks and claims while a pass is made
keeping    checkpoints, and going on from them
finishing  pictures are decoded and stored, and the job ends
behind     the threads on which that happens beside the next pass
passes     what the card does: a job begins, a pass is made, a picture is decoded
run        tickets, and the loop
vigil      runs between two of their tickets
"""
