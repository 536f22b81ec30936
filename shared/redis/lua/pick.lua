-- The job of a queue whose turn it is, with its whole record. Changes nothing but what it finds out of step.
--
-- ARGV: 1 queue · 2 milliseconds per person after which somebody who was not served goes first · 3 live TTL s
-- Returns {id, now ms, {field, value, …}} · {} where the queue has no ready job
local bucket, now, ttl = 'queue:' .. ARGV[1], now_ms(), tonumber(ARGV[3])

-- Before everybody's; then who was passed over for too long; then who has been given least, who waits longest among equals.
local function next_person()
  if redis.call('ZSCORE', SHARERS .. bucket, '') then return '' end
  local rows = redis.call('ZRANGE', SHARERS .. bucket, 0, -1, 'WITHSCORES')
  local people = #rows / 2
  if people < 2 then return rows[1] end
  if now - tonumber(rows[2]) > tonumber(ARGV[2]) * people then return rows[1] end
  local best, least
  for first = 1, #rows, 2000 do
    local names = {}
    for i = first, math.min(#rows, first + 1999), 2 do names[#names + 1] = rows[i] end
    for i, tag in ipairs(redis.call('ZMSCORE', SHARE .. 'tags', unpack(names))) do
      tag = tonumber(tag or '0')
      if not least or tag < least then best, least = names[i], tag end
    end
  end
  return best
end

while true do
  local person = next_person()
  if not person then return {} end
  local id = redis.call('ZRANGE', ready_list(bucket, person), 0, 0)[1]
  if not id then
    redis.call('ZREM', SHARERS .. bucket, person)
  else
    local job = share_facts(id)
    if is_ready(job, now) and job.queue == ARGV[1] then
      return {id, now, redis.call('HGETALL', 'darkroom:job:' .. id)}
    end
    drop_ready(bucket, person, id, ttl)
  end
end
