-- A job from before owners were indexed gets its place among its owner's (schema: owners.lua, create.lua).
--
-- KEYS: 1 job · 2… picture-of keys of the pictures it names
-- ARGV: 1 id · 2 live TTL s
local found = redis.call('HMGET', KEYS[1], 'caller', 'state', 'order', 'rates')
if not found[1] or (found[4] or '') ~= '' then return 0 end
own_job(ARGV[1], {caller = found[1], state = found[2], order = found[3]}, tonumber(ARGV[2]))
open_pictures(found[1], 2)
redis.call('SET', 'darkroom:gone:' .. ARGV[1], 'of ' .. found[1], 'XX', 'KEEPTTL')
return 1
