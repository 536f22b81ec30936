-- Accept a batch whose members are stored already (with a short life, which this makes a long one).
--
-- KEYS: 1 batch · 2 idempotency key (or '')
-- ARGV: 1 id · 2 fields (JSON object of strings) · 3 live TTL s · 4 ended TTL s · 5 the caller's limit of live batches
--       6 idempotency value · 7 its TTL s · 8 tombstone TTL s
-- Returns {'created'} · {'exists', stored idempotency value} · {'caller_full', n}
local id, live_ttl, ended_ttl = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
if KEYS[2] ~= '' then
  local known = redis.call('GET', KEYS[2])
  if known then return {'exists', known} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'created'} end

local fields = cjson.decode(ARGV[2])
local mine = redis.call('ZCARD', 'darkroom:batches:of:' .. fields.caller)
if mine >= tonumber(ARGV[5]) then return {'caller_full', mine} end

fields.created_at_ms = string.format('%.0f', now)
local flat = {}
for name, value in pairs(fields) do
  flat[#flat + 1] = name
  flat[#flat + 1] = value
end
redis.call('HSET', KEYS[1], unpack(flat))
-- Milliseconds × 1000 + a tie-breaker, as for jobs: a page of the list never splits two of the same millisecond.
local order = string.format('%.0f', now * 1000 + redis.call('INCR', 'darkroom:sequence') % 1000)
redis.call('EXPIRE', 'darkroom:sequence', live_ttl)
redis.call('ZADD', 'darkroom:batches', order, id)
redis.call('EXPIRE', 'darkroom:batches', live_ttl)
own('batches', fields.caller, id, order, live_ttl)
for _, key in ipairs({'darkroom:batches:live', 'darkroom:batches:of:' .. fields.caller}) do
  redis.call('ZADD', key, now, id)
  redis.call('EXPIRE', key, live_ttl)
end
batch_expires(id, live_ttl)
redis.call('SET', 'darkroom:gone:' .. id, 'of ' .. fields.caller, 'EX', ARGV[8])
if KEYS[2] ~= '' then redis.call('SET', KEYS[2], ARGV[6], 'EX', ARGV[7]) end
end_batch_if_done(id, now, ended_ttl, live_ttl)
batch_changed(id)
redis.call('PUBLISH', 'darkroom:feed', id)
return {'created'}
