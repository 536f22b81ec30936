-- One sign of life from the worker that holds a job: progress, preview and lease in one call (schema: create.lua).
--
-- KEYS: 1 job · 2 preview
-- ARGV: 1 id · 2 token · 3 progress (JSON) · 4 lease ms · 5 preview bytes or '' · 6 preview TTL s · 7 degradations (JSON)
-- Returns 'fine' · 'cancel' · 'overdue' · 'fenced'
local P = 'darkroom:'
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local job = redis.call('HMGET', KEYS[1], 'state', 'token', 'cancel_requested', 'deadline_at_ms')
if job[1] ~= 'running' or job[2] ~= ARGV[2] then return 'fenced' end

local untilMs = string.format('%.0f', now + tonumber(ARGV[4]))
redis.call('HSET', KEYS[1], 'progress', ARGV[3], 'lease_until_ms', untilMs, 'beat_at_ms', string.format('%.0f', now),
  'degradations', ARGV[7])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('ZADD', P .. 'leases', untilMs, ARGV[1])
if ARGV[5] ~= '' then redis.call('SET', KEYS[2], ARGV[5], 'EX', ARGV[6]) end
redis.call('PUBLISH', P .. 'changes', ARGV[1])

if job[3] == 'true' then return 'cancel' end
local deadline = tonumber(job[4]) or 0
if deadline > 0 and now >= deadline then return 'overdue' end
return 'fine'
