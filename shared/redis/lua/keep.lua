-- Keep the states of a running job's samples instead of those before, if the writer still owns the job (schema: create.lua).
--
-- What is new is written before what is left over goes: a server without memory refuses the first and keeps the old whole.
--
-- KEYS: 1 job · 2 checkpoint
-- ARGV: 1 token · 2 TTL s · 3… field, value, …
-- Returns 1, or 0 where the pen is somebody else's, or the job does not run any more
local job = redis.call('HMGET', KEYS[1], 'state', 'token')
if job[1] ~= 'running' or job[2] ~= ARGV[1] then return 0 end

local fields = {}
for i = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  fields[ARGV[i]] = true
end
for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not fields[name] then redis.call('HDEL', KEYS[2], name) end
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
