"""The ground that all state of the rack stands on.

keys        every key of ours: its name, its type, its life, who writes it
client      one way to reach Redis: limits on every wait, failures as our errors, patience, scripts
tombstones  ids that existed once, and whose they were
embedded    a private Valkey for those who have no Redis
lua/        the scripts: what must happen at once or not at all
"""
