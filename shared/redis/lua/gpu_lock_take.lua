-- Take or renew the lock of a GPU: if nobody has it, if it is ours, or if it is still what we judged to be dead.
--
-- KEYS: 1 lock (JSON: token, machine, pids)
-- ARGV: 1 our token · 2 the lock as it was judged, or '' · 3 the lock as it shall be · 4 its life in ms
-- Returns 1, or 0 where others have it
local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[2] and cjson.decode(known).token ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
