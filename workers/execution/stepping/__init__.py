"""Steps, not jobs: pictures of many jobs share passes, join and leave between any two of them.

seats      who takes the next step: pure
pace       how many samples fit a pass, and how many keep it quick
members    one job of a run: its claim, its pictures on their way, how it ends
arrivals   who joins a run: claims while it goes on
behind     pictures are stored beside the next pass
run        the loop
"""
