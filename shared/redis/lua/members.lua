-- What a job's move means for its batch. Prepended to create.lua, move.lua and the batch scripts (schema: create.lua).
--
--   darkroom:batch:{id}                 the record: one hash, strings raw, everything else JSON
--   darkroom:batch:{id}:members         index → what the member brings (JSON)
--   darkroom:batch:{id}:member:{state}  indexes of members by index: waiting, active, succeeded, failed, cancelled
--   darkroom:batch:{id}:refused         indexes of members that cannot run at all (they are among the failed ones)
--   darkroom:batch:{id}:rounds          index → how often the member was resumed
--   darkroom:batch:{id}:reasons         error code → members that failed so;  :messages  error code → newest message
--   darkroom:batch:{id}:ends            when the last 64 members ended (ms), newest first
--   darkroom:batches                    batch ids by their order of arrival
--   darkroom:batches:live, :batches:of:{caller}   those that have not ended, by their creation (ms)
--   darkroom:webhooks                   "batch round" by when to tell its webhook (ms)
--
-- A member leaves `active` once, by one of the ZREMs below, whatever moves race; the batch ends once, when nobody is
-- waiting or active: both are steps inside one script, so nothing can come between.
local BATCH = 'darkroom:batch:'
local BATCH_PARTS = {'', ':members', ':refused', ':rounds', ':reasons', ':messages', ':ends', ':member:waiting',
  ':member:active', ':member:succeeded', ':member:failed', ':member:cancelled', ':waiting', ':queued', ':running',
  ':succeeded', ':failed', ':cancelled'}
local ENDS_KEPT = 64

local function now_ms()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end

local function is_final(state) return state == 'succeeded' or state == 'failed' or state == 'cancelled' end

local function batch_expires(batch, ttl)
  for _, part in ipairs(BATCH_PARTS) do redis.call('EXPIRE', BATCH .. batch .. part, ttl) end
end

local function batch_changed(batch)
  redis.call('HINCRBY', BATCH .. batch, 'version', 1)
  redis.call('PUBLISH', 'darkroom:changes', batch)
end

local function put_member(batch, state, member, ttl)
  local key = BATCH .. batch .. ':member:' .. state
  redis.call('ZADD', key, member, member)
  redis.call('EXPIRE', key, ttl)
end

-- A line of the rack's history (`shared.rack.happenings`), which keeps about so many.
local HAPPENINGS_KEPT, HAPPENINGS_TTL_S = 5000, 172800

local function tell_batch_ended(batch, state, caller)
  local B = BATCH .. batch
  local failed = redis.call('ZCARD', B .. ':member:failed')
  local kind = state ~= 'running' and 'batch_cancelled' or failed > 0 and 'batch_failed' or 'batch_finished'
  local facts = redis.call('HMGET', B, 'name', 'total')
  redis.call('XADD', 'darkroom:happenings', 'MAXLEN', '~', HAPPENINGS_KEPT, '*', 'kind', kind, 'owner', caller,
    'batch', batch, 'name', facts[1] and facts[1] ~= '' and facts[1] or batch, 'total', facts[2] or 0, 'failed', failed,
    'succeeded', redis.call('ZCARD', B .. ':member:succeeded'))
  redis.call('EXPIRE', 'darkroom:happenings', HAPPENINGS_TTL_S)
end

-- The batch is over when nobody is left; its webhook becomes due in the same step.
local function end_batch_if_done(batch, now, ended_ttl, live_ttl)
  local B = BATCH .. batch
  if redis.call('ZCARD', B .. ':member:waiting') + redis.call('ZCARD', B .. ':member:active') > 0 then return end
  local facts = redis.call('HMGET', B, 'state', 'round', 'webhook', 'caller')
  if facts[1] ~= 'running' and facts[1] ~= 'cancelling' then return end
  redis.call('HSET', B, 'state', facts[1] == 'running' and 'finished' or 'cancelled',
    'ended_at_ms', string.format('%.0f', now))
  redis.call('ZREM', 'darkroom:batches:live', batch)
  redis.call('ZREM', 'darkroom:batches:of:' .. facts[4], batch)
  if facts[3] and facts[3] ~= '' then
    redis.call('HSET', B, 'webhook_state', 'pending', 'webhook_attempts', '0', 'webhook_error', '')
    redis.call('ZADD', 'darkroom:webhooks', now, batch .. ' ' .. facts[2])
    redis.call('EXPIRE', 'darkroom:webhooks', live_ttl)
  end
  tell_batch_ended(batch, facts[1], facts[4])
  batch_expires(batch, ended_ttl)
end

local function count_failure(batch, failure, ttl)
  local B = BATCH .. batch
  redis.call('HINCRBY', B .. ':reasons', failure.code, 1)
  redis.call('HSET', B .. ':messages', failure.code, failure.message)
  redis.call('EXPIRE', B .. ':reasons', ttl)
  redis.call('EXPIRE', B .. ':messages', ttl)
end

local function end_member(batch, member, state, failure, now, live_ttl, ended_ttl)
  local B = BATCH .. batch
  if redis.call('ZREM', B .. ':member:active', member) == 0 then return end
  put_member(batch, state, member, live_ttl)
  if state == 'failed' then count_failure(batch, failure, live_ttl) end
  redis.call('LPUSH', B .. ':ends', string.format('%.0f', now))
  redis.call('LTRIM', B .. ':ends', 0, ENDS_KEPT - 1)
  redis.call('EXPIRE', B .. ':ends', live_ttl)
  end_batch_if_done(batch, now, ended_ttl, live_ttl)
end

local function state_of(job_id)
  if job_id == '' then return nil end
  return redis.call('HGET', 'darkroom:job:' .. job_id, 'state') or nil
end

local function is_one_before_alive(previous_id)
  while previous_id and previous_id ~= '' do
    local before = redis.call('HMGET', 'darkroom:job:' .. previous_id, 'state', 'previous_id')
    if before[1] and not is_final(before[1]) then return true end
    previous_id = before[2]
  end
  return false
end

local function failure_of(job_id)
  local text = redis.call('HGET', 'darkroom:job:' .. job_id, 'error')
  return text and cjson.decode(text) or {code = 'unknown', message = ''}
end

-- A job of a batch has ended: its member ends with it, unless a step before it still runs or one behind it may.
local function batch_job_ended(id, job, now, live_ttl, ended_ttl)
  if is_one_before_alive(job.previous_id) then return end
  local last, state = id, job.state
  if state == 'succeeded' then
    local after = state_of(job.next_id)
    if after and not is_final(after) then return end
    if after then last, state = job.next_id, after end
  end
  end_member(job.batch, job.member, state, state == 'failed' and failure_of(last) or nil, now, live_ttl, ended_ttl)
end
