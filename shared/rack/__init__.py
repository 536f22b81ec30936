"""The workers of all hosts, as they tell of themselves.

worker_registry  each worker's report, its state, whether it is paused and what troubles it
current_weights  which weights each model would answer with now
"""
