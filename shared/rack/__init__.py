"""The workers of all hosts, as they tell of themselves.

worker_registry  each worker's report, its state, whether it is paused and what troubles it
series           the last hour of each, in numbers
happenings       what happened to them, in words
doctor_reports   what each host found when it looked at itself
current_weights  which weights each model would answer with now
"""
