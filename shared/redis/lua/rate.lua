-- One request of a person: may it pass now? The generic cell rate algorithm: one key holds when the person will have
-- "used up" what it has asked so far; a request may be ahead of that by no more than the burst.
--
-- KEYS: 1 rate
-- ARGV: 1 microseconds a request costs · 2 microseconds of burst
-- Returns {0, µs used of the burst} where it passes, else {µs until it would, µs used of the burst}; a refused one costs
-- nothing.
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
-- Never further ahead than the burst: a clock that went back, or a smaller limit, must lock nobody out.
local ahead = math.min(burst, math.max(0, (tonumber(redis.call('GET', KEYS[1])) or 0) - now))
local wait = ahead + interval - burst
if wait > 0 then return {math.ceil(wait), math.floor(ahead)} end
ahead = ahead + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000))
return {0, math.floor(ahead)}
