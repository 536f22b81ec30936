-- Ready jobs that may share a GPU batch, as they would be taken one after the other, each charged in thought.
--
-- ARGV: 1 batch key · 2 how many
-- Returns ids
local bucket, most = 'peers:' .. ARGV[1], tonumber(ARGV[2])
local people, found = {}, {}
for _, person in ipairs(redis.call('ZRANGE', SHARERS .. bucket, 0, -1)) do
  -- Person '' goes before all.
  people[#people + 1] = {name = person, at = 1, tag = person == '' and -math.huge or tag_of(person)}
end
while #found < most do
  local best
  for _, person in ipairs(people) do
    if not person.is_done and (not best or person.tag < best.tag) then best = person end
  end
  if not best then break end
  -- Of hundreds of people only a few are chosen, so only theirs are read.
  best.ids = best.ids or redis.call('ZRANGE', ready_list(bucket, best.name), 0, most - 1)
  local id = best.ids[best.at]
  best.at, best.is_done = best.at + 1, not id
  local job = id and share_facts(id)
  if job and job.state == 'queued' and job.held ~= 'true' then
    found[#found + 1] = id
    best.tag = best.tag + (tonumber(job.cost_s) or 0) / (tonumber(job.weight) or 1)
  end
end
return found
