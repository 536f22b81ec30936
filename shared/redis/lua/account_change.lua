-- Change fields of a person or a key that is there and, where asked, still as it should be.
--
-- KEYS: 1 record · 2 audit · 3… indexes to leave
-- ARGV: 1 fields to set (JSON object of strings) · 2 fields to drop (JSON array) · 3 what must hold (JSON object of strings)
--       4 TTL from now, s ('': stays as it is) · 5 audit entry · 6 audit length · 7 member of the indexes
-- Returns 'changed' · 'missing' · 'refused' (what must hold does not)
if redis.call('EXISTS', KEYS[1]) == 0 then return 'missing' end
for name, value in pairs(cjson.decode(ARGV[3])) do
  if redis.call('HGET', KEYS[1], name) ~= value then return 'refused' end
end

local fields = {}
for name, value in pairs(cjson.decode(ARGV[1])) do
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
if #fields > 0 then redis.call('HSET', KEYS[1], unpack(fields)) end
local dropped = cjson.decode(ARGV[2])
if #dropped > 0 then redis.call('HDEL', KEYS[1], unpack(dropped)) end
if ARGV[4] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
for i = 3, #KEYS do redis.call('ZREM', KEYS[i], ARGV[7]) end
tell(KEYS[2], ARGV[5], ARGV[6])
return 'changed'
