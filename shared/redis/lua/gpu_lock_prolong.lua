-- Give the lock of a GPU another life, if it still is what was read (schema: gpu_lock_take.lua).
--
-- KEYS: 1 lock
-- ARGV: 1 the lock as it was read · 2 its life from now in ms
local known = redis.call('GET', KEYS[1])
if known == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
