-- Queued jobs whose pause is over become ready; each is told once.
--
-- ARGV: 1 limit · 2 live TTL s
-- Returns ids
local now, told = now_ms(), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'darkroom:delayed', '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', 'darkroom:delayed', id)
  local job = share_facts(id)
  if job.state == 'queued' then
    share_follows(id, nil, job, now, tonumber(ARGV[2]))
    told[#told + 1] = id
  end
end
return told
