-- Folds one measurement into what is known, and counts it.
--
-- KEYS[1]  darkroom:peak:{model} or darkroom:speed:{model}   hash: what was measured → "value samples"
-- ARGV[1]  the hash field
-- ARGV[2]  the measurement, a number
-- ARGV[3]  weight of a measurement above the known value (1: it replaces it)
-- ARGV[4]  weight of one below it
-- ARGV[5]  the hash's life in seconds
-- Returns the samples so far.

local value, samples = tonumber(ARGV[2]), 0
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local old, count = string.match(known, '^(%S+) (%d+)$')
  samples = tonumber(count)
  local weight = value > tonumber(old) and tonumber(ARGV[3]) or tonumber(ARGV[4])
  value = tonumber(old) + (value - tonumber(old)) * weight
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.3f %d', value, samples + 1))
redis.call('EXPIRE', KEYS[1], ARGV[5])
return samples + 1
