-- May a checkpoint be written now? A bucket that drains, and takes on debt: one key holds when all that was written so far
-- will have drained. Whatever comes while it is not over its brim passes, however large; those after it wait.
--
-- KEYS: 1 when it is empty (µs)
-- ARGV: 1 bytes to write · 2 bytes that drain in a second, and that go up to the brim · 3 bytes of the largest write
-- Returns 1 where it passes, else 0; a refused one costs nothing.
local size, per_s, largest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local level = math.max(0, (tonumber(redis.call('GET', KEYS[1])) or 0) - now) * per_s / 1000000
-- More than there can be: the clock went back, and nobody is to wait until it is there again.
if level > per_s + largest then level = 0 end
if level > per_s then return 0 end
local drains = (level + size) * 1000000 / per_s
redis.call('SET', KEYS[1], string.format('%.0f', now + drains), 'PX', math.max(1, math.ceil(drains / 1000)))
return 1
