-- A key and its person in one call, whether they are there or not: both are asked for in any case, so that how long it takes
-- tells nothing.
--
-- KEYS: 1 key
-- ARGV: 1 the person, where the key itself names none
-- Returns {fields of the key, fields of the person, now ms}
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local person = redis.call('HGET', KEYS[1], 'person') or ARGV[1]
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', 'darkroom:person:' .. person), now}
