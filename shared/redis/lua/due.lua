-- Queued jobs whose pause is over become ready; each is told until due_told.lua hears that it arrived: answers get lost.
--
-- ARGV: 1 limit · 2 live TTL s
-- Returns ids and, behind each, until when it paused
local now, told = now_ms(), {}
local over = redis.call('ZRANGEBYSCORE', 'darkroom:delayed', '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #over, 2 do
  local id, until_ms = over[i], over[i + 1]
  local job = share_facts(id)
  if job.state == 'queued' then
    share_follows(id, nil, job, now, tonumber(ARGV[2]))
    told[#told + 1] = id
    told[#told + 1] = until_ms
  else
    redis.call('ZREM', 'darkroom:delayed', id)
  end
end
return told
