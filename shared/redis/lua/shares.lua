-- Whose turn it is: people share the GPUs by weight, whoever sent first. Put before the scripts that move or choose jobs.
--
--   darkroom:ready:{bucket}|{person}   ids of a person's ready jobs: those moved to the front (by rank), then by `order`
--   darkroom:sharers:{bucket}          people with ready jobs in a bucket, by since when (ms) nobody served them there
--   darkroom:share:tags                people with ready jobs in any queue, by their tag
--   darkroom:share:jobs                hash: person → how many ready jobs those are
--   darkroom:share:idle                hash: tags of people without ready jobs, where these are ahead of the clock
--   darkroom:share:clock               the least tag there was when somebody was last served
--
-- A bucket is `queue:{queue}` or `peers:{batch key}`; a job is *ready* when it is queued, not held, and its time has come.
-- Person '' stands for jobs that go before everybody's: commands, and what an operator moved to the front.
--
-- A person's *tag* is what they were given so far, over all queues, in GPU-seconds divided by their weight (start-time fair
-- queueing). Who has the least is next, and pays the estimate when the job starts; the end settles what it really took,
-- a lost attempt is paid back. Who comes back from having nothing to do starts at the clock: idleness saves nothing up.
-- The policy and the property tests: shared/jobs/fair_share.py.
local READY, SHARERS, SHARE = 'darkroom:ready:', 'darkroom:sharers:', 'darkroom:share:'
-- GPU-seconds by weight that may lie between people who do not compete; fair_share.HORIZON_S says why.
local HORIZON_S = 300

local function exact(number) return string.format('%.17g', number) end

local function ready_list(bucket, person) return READY .. bucket .. '|' .. person end

local function clock_now() return tonumber(redis.call('GET', SHARE .. 'clock') or '0') end

-- The tag, and whether the person has ready jobs.
local function tag_of(person)
  local tag = redis.call('ZSCORE', SHARE .. 'tags', person)
  if tag then return tonumber(tag), true end
  return math.max(tonumber(redis.call('HGET', SHARE .. 'idle', person) or '0'), clock_now()), false
end

local function set_tag(person, tag, has_ready, ttl)
  if has_ready then
    redis.call('ZADD', SHARE .. 'tags', exact(tag), person)
  elseif tag > clock_now() then
    redis.call('HSET', SHARE .. 'idle', person, exact(tag))
    redis.call('EXPIRE', SHARE .. 'idle', ttl)
  else
    redis.call('HDEL', SHARE .. 'idle', person)
  end
end

local function count_ready(person, by, ttl)
  local left = redis.call('HINCRBY', SHARE .. 'jobs', person, by)
  redis.call('EXPIRE', SHARE .. 'jobs', ttl)
  if left <= 0 then
    local tag = tag_of(person)
    redis.call('HDEL', SHARE .. 'jobs', person)
    redis.call('ZREM', SHARE .. 'tags', person)
    set_tag(person, tag, false, ttl)
  elseif left == by then
    set_tag(person, tag_of(person), true, ttl)
    redis.call('HDEL', SHARE .. 'idle', person)
  end
  redis.call('EXPIRE', SHARE .. 'tags', ttl)
end

local function put_ready(bucket, person, id, score, since, ttl)
  local list = ready_list(bucket, person)
  local is_new = redis.call('ZADD', list, score, id) == 1
  redis.call('EXPIRE', list, ttl)
  redis.call('ZADD', SHARERS .. bucket, 'NX', since, person)
  redis.call('EXPIRE', SHARERS .. bucket, ttl)
  if is_new and person ~= '' and bucket:sub(1, 6) == 'queue:' then count_ready(person, 1, ttl) end
  return is_new
end

local function drop_ready(bucket, person, id, ttl)
  local list = ready_list(bucket, person)
  local was_there = redis.call('ZREM', list, id) == 1
  if redis.call('EXISTS', list) == 0 then redis.call('ZREM', SHARERS .. bucket, person) end
  if was_there and person ~= '' and bucket:sub(1, 6) == 'queue:' then count_ready(person, -1, ttl) end
end

local function person_of(job) return job.ahead == 'true' and '' or job.caller end

local function is_ready(job, now)
  return job.state == 'queued' and job.held ~= 'true' and (tonumber(job.not_before_ms) or 0) <= now
end

-- Only first attempts have peers: a job that lost its worker runs alone, so a poisonous one takes nobody with it.
local function buckets_of(job)
  local found = {'queue:' .. job.queue}
  if job.batch_key ~= '' and (tonumber(job.attempt) or 0) == 0 then found[2] = 'peers:' .. job.batch_key end
  return found
end

-- Keep the buckets in step with a job: `old` and `new` are its fields before and after; old is nil where it is new.
local function share_follows(id, old, new, now, ttl)
  local stays, added = {}, false
  if is_ready(new, now) then
    local rank, person = tonumber(new.rank) or 0, person_of(new)
    local since = string.format('%.0f', math.floor(tonumber(new.order) / 1000))
    for _, bucket in ipairs(buckets_of(new)) do
      added = put_ready(bucket, person, id, rank < 0 and string.format('%.0f', rank) or new.order, since, ttl) or added
      stays[ready_list(bucket, person)] = true
    end
  end
  if old and old.state == 'queued' then
    for _, bucket in ipairs(buckets_of(old)) do
      if not stays[ready_list(bucket, person_of(old))] then drop_ready(bucket, person_of(old), id, ttl) end
    end
  end
  return added
end

-- People far behind the one who is being served, who did not come before: they cannot use these GPUs. What they are owed
-- for that is bounded: they all move up, so that nothing changes among them.
local function forget_old_debts(tag)
  local next_below = redis.call('ZREVRANGEBYSCORE', SHARE .. 'tags', '(' .. exact(tag), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if #next_below == 0 then return end
  local excess = tag - tonumber(next_below[2]) - HORIZON_S
  -- Not at every step: with hundreds of people this costs a fraction of a millisecond.
  if excess < HORIZON_S / 10 then return end
  local below = redis.call('ZRANGEBYSCORE', SHARE .. 'tags', '-inf', '(' .. exact(tag))
  for _, person in ipairs(below) do redis.call('ZINCRBY', SHARE .. 'tags', exact(excess), person) end
end

-- A job starts: its person pays the estimate. To be called before it leaves its buckets.
local function charge(job, now, ttl)
  local tag, has_ready = tag_of(job.caller)
  local least = redis.call('ZRANGE', SHARE .. 'tags', 0, 0, 'WITHSCORES')
  local clock = math.max(clock_now(), math.min(tag, tonumber(least[2]) or tag))
  redis.call('SET', SHARE .. 'clock', exact(clock), 'EX', ttl)
  if has_ready then forget_old_debts(tag) end
  set_tag(job.caller, tag + (tonumber(job.cost_s) or 0) / (tonumber(job.weight) or 1), has_ready, ttl)
  for _, bucket in ipairs(buckets_of(job)) do
    redis.call('ZADD', SHARERS .. bucket, 'XX', string.format('%.0f', now), person_of(job))
  end
end

-- An attempt is over: what it took instead of the estimate; nothing where it went back, or nobody measured it.
local function settle(job, is_over, ttl)
  local spent = is_over and tonumber(job.spent_s) or 0
  local tag, has_ready = tag_of(job.caller)
  -- What was written last, also where the clock has passed it: a difference is no reason to start at the clock.
  if not has_ready then tag = tonumber(redis.call('HGET', SHARE .. 'idle', job.caller) or tag) end
  set_tag(job.caller, tag + (spent - (tonumber(job.cost_s) or 0)) / (tonumber(job.weight) or 1), has_ready, ttl)
end

-- Drop what should not be in a ready list: its record has gone, or a script from before the shares moved it.
local FACTS = {'state', 'queue', 'batch_key', 'caller', 'order', 'attempt', 'not_before_ms', 'held', 'rank', 'ahead',
  'cost_s', 'weight'}
local function share_facts(id)
  local values, found = redis.call('HMGET', 'darkroom:job:' .. id, unpack(FACTS)), {}
  for i, name in ipairs(FACTS) do found[name] = values[i] or '' end
  return found
end
