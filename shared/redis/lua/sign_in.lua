-- Take a place for one sign-in in moving windows, all of them or none. A sign-in that succeeds gives its place back, so the
-- windows hold failed ones, and those that are being tried now: many at once gain nothing.
--
-- KEYS: the windows (zsets of tries by time in ms)
-- ARGV: 1 window in ms · 2 most tries in it · 3 the try's name
-- Returns 0: taken · else after how many ms the fullest window has a place again
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local window, most = tonumber(ARGV[1]), tonumber(ARGV[2])

local wait = 0
for _, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
  local count = redis.call('ZCARD', key)
  if count >= most then
    local first = redis.call('ZRANGE', key, count - most, count - most, 'WITHSCORES')
    wait = math.max(wait, tonumber(first[2]) + window - now, 1)
  end
end
if wait > 0 then return wait end

for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.0f', now), ARGV[3])
  redis.call('PEXPIRE', key, ARGV[1])
end
return 0
