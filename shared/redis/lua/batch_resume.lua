-- Failed and cancelled members wait again, but for those that can never run.
--
-- KEYS: 1 batch
-- ARGV: 1 id · 2 live TTL s · 3 what the refused members count as failures (JSON: code → [count, message])
-- Returns {state before, how many wait again}, or {'', 0} where there is no such batch
local id, live_ttl = ARGV[1], tonumber(ARGV[2])
local B = BATCH .. id
local facts = redis.call('HMGET', B, 'state', 'caller', 'created_at_ms')
if not facts[1] then return {'', 0} end
if facts[1] == 'cancelling' then return {'cancelling', 0} end

local again = {}
for _, state in ipairs({'failed', 'cancelled'}) do
  for _, member in ipairs(redis.call('ZRANGE', B .. ':member:' .. state, 0, -1)) do
    if not redis.call('ZSCORE', B .. ':refused', member) then
      again[#again + 1] = member
      redis.call('ZREM', B .. ':member:' .. state, member)
      redis.call('HINCRBY', B .. ':rounds', member, 1)
      put_member(id, 'waiting', member, live_ttl)
    end
  end
end
if #again == 0 then return {facts[1], 0} end

redis.call('DEL', B .. ':reasons', B .. ':messages', B .. ':ends')
for code, counted in pairs(cjson.decode(ARGV[3])) do
  redis.call('HSET', B .. ':reasons', code, counted[1])
  redis.call('HSET', B .. ':messages', code, counted[2])
end
redis.call('HSET', B, 'state', 'running', 'ended_at_ms', '0')
redis.call('HINCRBY', B, 'round', 1)
for _, key in ipairs({'darkroom:batches:live', 'darkroom:batches:of:' .. facts[2]}) do
  redis.call('ZADD', key, facts[3], id)
  redis.call('EXPIRE', key, live_ttl)
end
batch_expires(id, live_ttl)
batch_changed(id)
return {facts[1], #again}
