-- Make a person, once; the name is taken for ever.
--
-- KEYS: 1 person · 2 people · 3 audit
-- ARGV: 1 name · 2 fields (JSON object of strings) · 3 audit entry · 4 audit length
-- Returns 'added' · 'exists'
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end

local clock = redis.call('TIME')
local fields = {'created_at_ms', string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))}
for name, value in pairs(cjson.decode(ARGV[2])) do
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('ZADD', KEYS[2], 0, ARGV[1])
tell(KEYS[3], ARGV[3], ARGV[4])
return 'added'
