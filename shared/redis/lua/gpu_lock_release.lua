-- Let the lock of a GPU go, if it is ours (schema: gpu_lock_take.lua).
--
-- KEYS: 1 lock
-- ARGV: 1 our token
local known = redis.call('GET', KEYS[1])
if known and cjson.decode(known).token == ARGV[1] then redis.call('DEL', KEYS[1]) end
