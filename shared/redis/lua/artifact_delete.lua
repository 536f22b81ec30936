-- Forget a picture unless somebody keeps it (then it has no time to live).
--
-- KEYS: 1 artifact · 2 its mark of having existed
-- Returns 1 where it is gone now, else 0.
if redis.call('TTL', KEYS[1]) == -1 then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return 1
