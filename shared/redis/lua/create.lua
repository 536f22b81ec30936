-- Make a job's record, once. The key schema of all scripts here:
--
--   darkroom:job:{id}            the record: one hash, strings raw, everything else JSON
--   darkroom:jobs, :jobs:{state} ids by `order` (milliseconds × 1000 + a tie-breaker: the order of arrival)
--   darkroom:queue:{queue}       ids of queued jobs by `order`; those that may be taken now stand in shares.lua's buckets too
--   darkroom:leases              ids of running jobs by the end of their lease (ms, Redis' clock)
--   darkroom:delayed             ids of queued jobs by the time before which they must not start
--   darkroom:deadlines           ids of live jobs with a deadline, by it
--   darkroom:slot:{worker}       id → token of what a worker holds
--   darkroom:caller:{caller}     ids of a caller's live jobs
--   darkroom:batch:{id}:{state}  ids of a batch's jobs by member number
--   darkroom:done                ids of ended jobs by the time they ended
--   darkroom:ended               stream of ids: jobs that ended and leave something to the library
--
-- Keys are built from the record's fields, so this needs one Redis server, not a cluster.
--
-- KEYS: 1 job · 2 idempotency key (or '') · 3… picture-of keys of the pictures it names
-- ARGV: 1 id · 2 fields (JSON object of strings) · 3 live TTL s · 4 limit of all queued · 5 limit of the caller's live
--       6 idempotency value · 7 its TTL s · 8 tombstone TTL s · 9 deadline in ms from now (0: none)
--       10 the person's limits and what to hold against them (JSON, see quotas.lua; '': nothing is limited)
--       11 '1': its kind counts against nobody's limits
-- Returns {'created', now ms} · {'exists', stored idempotency value} · {'queue_full', n} · {'caller_full', n}
--         {'too_many_open' | 'quota_exhausted' | 'storage_full', used, limit, asked, now ms}: see quotas.lua
--         {'batch_over'}: its batch takes no more jobs, or its member is under way already
--         {'chain_cut'}: the step of its batch that follows it was not stored
local P = 'darkroom:'
local id, ttl = ARGV[1], tonumber(ARGV[3])
local now = now_ms()

if KEYS[2] ~= '' then
  local known = redis.call('GET', KEYS[2])
  if known then return {'exists', known} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'created', now} end

local fields = cjson.decode(ARGV[2])
local batch = fields.batch or ''
if batch ~= '' then
  if redis.call('HGET', BATCH .. batch, 'state') ~= 'running' then return {'batch_over'} end
  local is_waiting = redis.call('ZSCORE', BATCH .. batch .. ':member:waiting', fields.member)
  if fields.state == 'queued' and not is_waiting then return {'batch_over'} end
  -- A chain is stored from its end: where a step met a limit, none before it is made.
  local next_id = fields.next_id or ''
  if next_id ~= '' and redis.call('EXISTS', P .. 'job:' .. next_id) == 0 then return {'chain_cut'} end
end
local queued = redis.call('ZCARD', P .. 'jobs:queued') + redis.call('ZCARD', P .. 'jobs:waiting')
if queued >= tonumber(ARGV[4]) then return {'queue_full', queued} end
local mine = redis.call('ZCARD', P .. 'caller:' .. fields.caller)
if mine >= tonumber(ARGV[5]) then return {'caller_full', mine} end
if ARGV[10] ~= '' then
  local beyond = beyond_limits(fields.caller, cjson.decode(ARGV[10]), now)
  if beyond then
    beyond[#beyond + 1] = now
    return beyond
  end
end

local tie = redis.call('INCR', P .. 'sequence') % 1000
redis.call('EXPIRE', P .. 'sequence', ttl)
local order = string.format('%.0f', now * 1000 + tie)
fields.created_at_ms, fields.order = now, order
if fields.state == 'queued' then fields.queued_at_ms = now end
fields.deadline_at_ms = nil
if tonumber(ARGV[9]) > 0 then fields.deadline_at_ms = now + tonumber(ARGV[9]) end
-- A rating, or a kind that is free, is the house's wish: it uses none of its person's limits, waits for none of their
-- pauses, stands in no list.
local is_own = (fields.rates or '') == '' and ARGV[11] ~= '1'
if is_own then reserve_quota(fields, now) end
-- What a person sends who paused everything waits with the rest; commands go before everybody's and are nobody's own.
if is_own and fields.ahead ~= 'true' and redis.call('SISMEMBER', P .. 'people:paused', fields.caller) == 1 then
  fields.held, fields.paused = 'true', 'true'
end

local flat = {}
for name, value in pairs(fields) do
  flat[#flat + 1] = name
  flat[#flat + 1] = type(value) == 'number' and string.format('%.0f', value) or value
end
redis.call('HSET', KEYS[1], unpack(flat))
redis.call('EXPIRE', KEYS[1], ttl)

local function index(key, score)
  redis.call('ZADD', key, score, id)
  redis.call('EXPIRE', key, ttl)
end
index(P .. 'jobs', order)
index(P .. 'jobs:' .. fields.state, order)
index(P .. 'caller:' .. fields.caller, order)
if is_own then own_job(id, {caller = fields.caller, state = fields.state, order = order}, ttl) end
open_pictures(fields.caller, 3)
if fields.state == 'queued' then
  index(P .. 'queue:' .. fields.queue, order)
  redis.call('ZADD', P .. 'queues', now, fields.queue)
  redis.call('EXPIRE', P .. 'queues', ttl)
  share_follows(id, nil, share_facts(id), now, ttl)
end
if fields.deadline_at_ms then index(P .. 'deadlines', string.format('%.0f', fields.deadline_at_ms)) end
if batch ~= '' then
  index(BATCH .. batch .. ':' .. fields.state, fields.member)
  if fields.state == 'queued' then
    -- The first step is made last, so its member is under way exactly when its whole chain is there.
    redis.call('ZREM', BATCH .. batch .. ':member:waiting', fields.member)
    put_member(batch, 'active', fields.member, ttl)
    if (tonumber(redis.call('HGET', BATCH .. batch, 'started_at_ms')) or 0) == 0 then
      redis.call('HSET', BATCH .. batch, 'started_at_ms', string.format('%.0f', now))
    end
    batch_changed(batch)
  end
end

redis.call('SET', P .. 'gone:' .. id, 'of ' .. fields.caller, 'EX', ARGV[8])
if KEYS[2] ~= '' then redis.call('SET', KEYS[2], ARGV[6], 'EX', ARGV[7]) end
redis.call('PUBLISH', P .. 'changes', id)
return {'created', now}
