-- Move a record and everything that follows from its state, in one atomic step (schema: create.lua).
--
-- Python read the record, asked `lifecycle` for the new one, and sends the difference; it applies only while `rev` is
-- what Python read, so every rule lives in one place and no two writers can both win.
--
-- KEYS: 1 job · 2… picture-of keys of the pictures it newly names
-- ARGV: 1 id · 2 expected rev · 3 'lease_expired' to act only on an expired lease, else '' · 4 changed fields (JSON
--       object of strings) · 5 emptied fields (JSON array) · 6 lease ms · 7 live TTL s · 8 ended TTL s · 9 done TTL s
--       10 '1': its kind leaves something to the library · 11 this write's own name
-- Returns {'moved', now} · {'missing'} · {'conflict'} · {'alive'}
--
-- A client whose answer is lost sends the same write again, so a record keeps the names of its last writes (`writes`, which
-- only this script knows): the second one is told what the first one did, and not that somebody was faster.
local P = 'darkroom:'
local WRITES_KEPT = 4
local id = ARGV[1]
local now = now_ms()

local NAMES = {'rev', 'state', 'queue', 'batch_key', 'worker', 'lease_until_ms', 'caller', 'batch', 'member', 'order',
  'attempt', 'not_before_ms', 'token', 'previous_id', 'next_id', 'reused_from',
  'held', 'rank', 'ahead', 'cost_s', 'weight', 'spent_s'}
local function facts()
  local values, found = redis.call('HMGET', KEYS[1], unpack(NAMES)), {}
  for i, name in ipairs(NAMES) do found[name] = values[i] or '' end
  return found
end

local old = facts()
if old.rev == '' then return {'missing'} end
local writes = {ARGV[11]}
for name in string.gmatch(redis.call('HGET', KEYS[1], 'writes') or '', '%S+') do
  if name == ARGV[11] then return {'moved', now} end
  if #writes < WRITES_KEPT then writes[#writes + 1] = name end
end
if old.rev ~= ARGV[2] then return {'conflict'} end
if ARGV[3] == 'lease_expired' and (tonumber(old.lease_until_ms) or 0) > now then return {'alive'} end

local flat = {}
for name, value in pairs(cjson.decode(ARGV[4])) do
  flat[#flat + 1] = name
  flat[#flat + 1] = value
end
if #flat > 0 then redis.call('HSET', KEYS[1], unpack(flat)) end
local emptied = cjson.decode(ARGV[5])
if #emptied > 0 then redis.call('HDEL', KEYS[1], unpack(emptied)) end
redis.call('HSET', KEYS[1], 'writes', table.concat(writes, ' '))
redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('HINCRBY', KEYS[1], 'version', 1)

local new = facts()
local ttl = tonumber(ARGV[7])
local function add(key, score)
  redis.call('ZADD', key, score, id)
  redis.call('EXPIRE', key, ttl)
end
local final = is_final(new.state)
open_pictures(new.caller, 2)

if old.state == 'queued' then
  redis.call('ZREM', P .. 'queue:' .. old.queue, id)
  redis.call('ZREM', P .. 'delayed', id)
  -- Of before there were shares; nobody adds to it any more.
  if old.batch_key ~= '' then redis.call('ZREM', P .. 'peers:' .. old.batch_key, id) end
end
if old.state == 'running' then
  redis.call('ZREM', P .. 'leases', id)
  redis.call('HDEL', P .. 'slot:' .. old.worker, id)
end
if old.state ~= new.state then
  redis.call('ZREM', P .. 'jobs:' .. old.state, id)
  add(P .. 'jobs:' .. new.state, new.order)
  move_owned_job(id, old.state, new, ttl)
  if new.batch ~= '' and redis.call('EXISTS', BATCH .. new.batch) == 1 then
    redis.call('ZREM', BATCH .. new.batch .. ':' .. old.state, id)
    add(BATCH .. new.batch .. ':' .. new.state, new.member)
    if new.reused_from ~= '' then redis.call('HINCRBY', BATCH .. new.batch, 'reused', 1) end
    if final then batch_job_ended(id, new, now, ttl, tonumber(ARGV[8])) end
    batch_changed(new.batch)
  end
end
if new.state == 'queued' then
  add(P .. 'queue:' .. new.queue, new.order)
  redis.call('ZADD', P .. 'queues', now, new.queue)
  redis.call('EXPIRE', P .. 'queues', ttl)
  if (tonumber(new.not_before_ms) or 0) > now then
    add(P .. 'delayed', new.not_before_ms)
  end
elseif new.state == 'running' then
  local untilMs = string.format('%.0f', now + tonumber(ARGV[6]))
  redis.call('HSET', KEYS[1], 'lease_until_ms', untilMs, 'beat_at_ms', string.format('%.0f', now))
  add(P .. 'leases', untilMs)
  redis.call('HSET', P .. 'slot:' .. new.worker, id, new.token)
  redis.call('EXPIRE', P .. 'slot:' .. new.worker, ttl)
end
if final and old.state ~= new.state then
  redis.call('ZREM', P .. 'caller:' .. new.caller, id)
  redis.call('ZADD', P .. 'done', now, id)
  redis.call('ZREMRANGEBYSCORE', P .. 'done', '-inf', now - tonumber(ARGV[9]) * 1000)
  redis.call('EXPIRE', P .. 'done', ARGV[9])
  redis.call('DEL', P .. 'preview:' .. id, P .. 'checkpoint:' .. id)
  redis.call('ZREM', P .. 'deadlines', id)
  settle_quota(KEYS[1], new.caller)
  if new.state == 'succeeded' then count_pictures_of(KEYS[1], new.caller, ttl) end
end
-- The library reads this stream and trims what it has taken in; a change of an ended record is none.
if final and ARGV[10] == '1' and not is_final(old.state) then
  redis.call('XADD', P .. 'ended', '*', 'id', id)
  redis.call('EXPIRE', P .. 'ended', ttl)
end
if old.state == 'queued' and new.state == 'running' then charge(old, now, ttl) end
if old.state == 'running' and new.state ~= 'running' then settle(new, final, ttl) end
share_follows(id, old, new, now, ttl)
redis.call('EXPIRE', KEYS[1], final and ARGV[8] or ARGV[7])
redis.call('PUBLISH', P .. 'changes', id)
return {'moved', now}
