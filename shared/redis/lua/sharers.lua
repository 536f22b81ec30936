-- Who has ready jobs in a queue: what a forecast and the count of tickets need.
--
-- ARGV: 1 queue
-- Returns a flat list: person, how many, tag, charge (GPU-seconds by weight of the foremost), …; person '' goes before all
local bucket, rows = 'queue:' .. ARGV[1], {}
for _, person in ipairs(redis.call('ZRANGE', SHARERS .. bucket, 0, -1)) do
  local list = ready_list(bucket, person)
  local foremost = redis.call('ZRANGE', list, 0, 0)[1]
  if foremost then
    local job = share_facts(foremost)
    local tag = person == '' and -1 or tag_of(person)
    local charge_s = (tonumber(job.cost_s) or 0) / (tonumber(job.weight) or 1)
    for _, value in ipairs({person, redis.call('ZCARD', list), exact(tag), exact(charge_s)}) do rows[#rows + 1] = value end
  end
end
return rows
