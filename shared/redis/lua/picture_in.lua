-- A picture that a person brings counts for them, if there is room (schema: quotas.lua, which is put before this).
--
-- KEYS: 1 pictures of the person · 2 sums of all persons
-- ARGV: 1 person · 2 picture · 3 bytes · 4 limit in bytes ('': none) · 5 TTL s
-- Returns {'in', 1 where it did not count before} · {'full', bytes stored}
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then return {'in', 0} end
local stored = tonumber(redis.call('HGET', KEYS[2], ARGV[1])) or 0
if ARGV[4] ~= '' and stored + tonumber(ARGV[3]) > tonumber(ARGV[4]) then
  return {'full', string.format('%.0f', stored)}
end
count_picture(ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]))
return {'in', 1}
