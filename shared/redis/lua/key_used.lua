-- Remember when a key was last shown; one that is gone does not come back by it.
--
-- KEYS: 1 key
-- ARGV: 1 now ms
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'last_used_at_ms', ARGV[1]) end
