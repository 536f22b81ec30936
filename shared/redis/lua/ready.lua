-- How many jobs of a queue may be taken now.
--
-- ARGV: 1 queue
local bucket, ready = 'queue:' .. ARGV[1], 0
for _, person in ipairs(redis.call('ZRANGE', SHARERS .. bucket, 0, -1)) do
  ready = ready + redis.call('ZCARD', ready_list(bucket, person))
end
return ready
