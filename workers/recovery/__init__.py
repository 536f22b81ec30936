"""What puts right what was left behind by a worker, a broker or a process that died. All of it may be done twice.

recovery        jobs whose worker fell silent, jobs whose time came or passed
requeue         queued jobs whose message is missing
stalled_chains  steps whose predecessor has ended, steps parked with a worker that is gone
picture_counts  pictures that have left the store count for nobody any more
housekeeping    pictures and ids past their time, on a thread of its own
"""
