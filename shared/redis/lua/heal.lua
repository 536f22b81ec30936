-- Put a part of a queue's jobs into their buckets where they are missing: those of before there were any.
--
-- ARGV: 1 queue · 2 first place · 3 last place · 4 live TTL s
-- Returns {how many jobs are there, how many were missing}
local ids = redis.call('ZRANGE', 'darkroom:queue:' .. ARGV[1], ARGV[2], ARGV[3])
local now, missing = now_ms(), 0
for _, id in ipairs(ids) do
  local job = share_facts(id)
  local is_delayed = redis.call('ZSCORE', 'darkroom:delayed', id)
  if job.queue == ARGV[1] and not is_delayed and share_follows(id, nil, job, now, tonumber(ARGV[4])) then
    missing = missing + 1
  end
end
return {#ids, missing}
