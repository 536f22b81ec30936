-- Take no more jobs for a batch: members that wait are cancelled here, those under way by whoever called this.
--
-- KEYS: 1 batch
-- ARGV: 1 id · 2 live TTL s · 3 ended TTL s
-- Returns the state it has then, or '' where there is no such batch
local id = ARGV[1]
local B = BATCH .. id
local state = redis.call('HGET', B, 'state')
if not state then return '' end
if state ~= 'running' then return state end
redis.call('HSET', B, 'state', 'cancelling')
redis.call('ZUNIONSTORE', B .. ':member:cancelled', 2, B .. ':member:cancelled', B .. ':member:waiting',
  'AGGREGATE', 'MIN')
redis.call('DEL', B .. ':member:waiting')
batch_expires(id, tonumber(ARGV[2]))
end_batch_if_done(id, now_ms(), tonumber(ARGV[3]), tonumber(ARGV[2]))
batch_changed(id)
return redis.call('HGET', B, 'state')
