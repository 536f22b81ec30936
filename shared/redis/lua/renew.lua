-- Renew the leases of all jobs a worker holds; called by its main process, which no native call can starve.
--
-- The job's own progress is not touched: a worker that lives while its job hangs is told apart by `silent ms`.
--
-- KEYS: 1 slot
-- ARGV: 1 lease ms
-- Returns a flat list: id, token, phase, ms since the job's last own sign of life, … for every job still held
local P = 'darkroom:'
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local untilMs = string.format('%.0f', now + tonumber(ARGV[1]))

local held = redis.call('HGETALL', KEYS[1])
local report = {}
for i = 1, #held, 2 do
  local id, token = held[i], held[i + 1]
  local job = redis.call('HMGET', P .. 'job:' .. id, 'state', 'token', 'progress', 'beat_at_ms')
  if job[1] == 'running' and job[2] == token then
    redis.call('HSET', P .. 'job:' .. id, 'lease_until_ms', untilMs)
    redis.call('ZADD', P .. 'leases', untilMs, id)
    local phase = job[3] and cjson.decode(job[3]).phase or 'loading'
    for _, value in ipairs({id, token, phase, string.format('%.0f', now - (tonumber(job[4]) or now))}) do
      report[#report + 1] = value
    end
  else
    redis.call('HDEL', KEYS[1], id)
  end
end
return report
