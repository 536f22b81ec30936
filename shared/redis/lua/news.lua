-- What a run on a worker should know before its next pass (schema: create.lua).
--
-- KEYS: 1 draining · 2 paused · 3 turn, of the worker · then the sharers of each queue · then the jobs that it holds
-- ARGV: 1 how many queues · then of each job the token that it is held with
-- Returns 1 where the worker is to take nobody, else 0 · the model whose turn it is, or '' · which of the queues have a ready
-- job, by number from 0 · which of the jobs nobody wants any more, likewise
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local queues = tonumber(ARGV[1])

local ready, unwanted = {}, {}
for n = 1, queues do
  if redis.call('EXISTS', KEYS[3 + n]) == 1 then ready[#ready + 1] = n - 1 end
end
for n = 1, #ARGV - 1 do
  local job = redis.call('HMGET', KEYS[3 + queues + n], 'state', 'token', 'cancel_requested', 'deadline_at_ms')
  local deadline = tonumber(job[4] or 0) or 0
  local is_ours = job[1] == 'running' and job[2] == ARGV[1 + n]
  if not is_ours or job[3] == 'true' or (deadline > 0 and now >= deadline) then unwanted[#unwanted + 1] = n - 1 end
end
return {redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 and 1 or 0, redis.call('GET', KEYS[3]) or '', ready, unwanted}
