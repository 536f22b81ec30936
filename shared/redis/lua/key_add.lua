-- Make a key of a person. From the first one on, nobody gets in without a key, also when all are revoked later.
--
-- KEYS: 1 key · 2 person · 3 keys of the person · 4 all keys · 5 closed · 6 audit
-- ARGV: 1 id · 2 fields (JSON object of strings) · 3 most keys of the person (0: no limit) · 4 when it expires, ms (0: never)
--       5 TTL after that, s · 6 audit entry · 7 audit length
-- Returns 'added' · 'no_person' · 'taken' (the id) · 'too_many'
if redis.call('EXISTS', KEYS[2]) == 0 then return 'no_person' end
local wanted, known = cjson.decode(ARGV[2]), redis.call('HGET', KEYS[1], 'digest')
-- Of the same secret it is this very key: the answer to the first try was lost.
if known then return known == wanted.digest and 'added' or 'taken' end
local most = tonumber(ARGV[3])
if most > 0 and redis.call('ZCARD', KEYS[3]) >= most then return 'too_many' end

local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
-- In microseconds, so that no two keys are of the same age.
local age = string.format('%.0f', clock[1] * 1000000 + clock[2])
local fields = {'created_at_ms', now}
for name, value in pairs(wanted) do
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('ZADD', KEYS[3], age, ARGV[1])
redis.call('ZADD', KEYS[4], age, ARGV[1])
if tonumber(ARGV[4]) > 0 then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ARGV[4] + ARGV[5] * 1000))
end
redis.call('SET', KEYS[5], now, 'NX')
tell(KEYS[6], ARGV[6], ARGV[7])
return 'added'
