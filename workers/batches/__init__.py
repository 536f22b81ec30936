"""What workers do for batches, beside running their jobs; duties of a worker's main process.

fair_share  how many members of whom are fed next
feeder      members become jobs, a window at a time
feed_bell   a new batch rings, so that the feeder need not wait for its next look
webhooks    those who asked are told that a batch has ended
"""
