-- What a worker sees of its queues when it decides which to read.
--
-- ARGV: queues
-- Returns a flat list, of each queue with ready jobs: queue, how many, since when (ms) one of its people was not served, the
-- least tag of its people ('-inf' where a job goes before everybody's)
local rows = {}
for _, queue in ipairs(ARGV) do
  local bucket = 'queue:' .. queue
  local people = redis.call('ZRANGE', SHARERS .. bucket, 0, -1, 'WITHSCORES')
  local depth, least = 0, nil
  for i = 1, #people, 2 do
    depth = depth + redis.call('ZCARD', ready_list(bucket, people[i]))
    local tag = people[i] == '' and -math.huge or tag_of(people[i])
    if not least or tag < least then least = tag end
  end
  if depth > 0 then
    for _, value in ipairs({queue, depth, people[2], exact(least)}) do rows[#rows + 1] = value end
  end
end
return rows
