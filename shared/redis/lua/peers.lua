-- Ready jobs that may share a GPU batch, as they would be taken one after the other, each charged in thought.
--
-- ARGV: 1 batch key · 2 how many
-- Returns ids
local bucket, most = 'peers:' .. ARGV[1], tonumber(ARGV[2])
local people, found = {}, {}
for _, person in ipairs(redis.call('ZRANGE', SHARERS .. bucket, 0, -1)) do
  local ids = redis.call('ZRANGE', ready_list(bucket, person), 0, most - 1)
  -- Person '' goes before all.
  local tag = person == '' and -math.huge or tag_of(person)
  if #ids > 0 then people[#people + 1] = {ids = ids, at = 1, tag = tag} end
end
while #found < most do
  local best
  for _, person in ipairs(people) do
    if person.ids[person.at] and (not best or person.tag < best.tag) then best = person end
  end
  if not best then break end
  local id = best.ids[best.at]
  local job = share_facts(id)
  best.at = best.at + 1
  if job.state == 'queued' and job.held ~= 'true' then
    found[#found + 1] = id
    best.tag = best.tag + (tonumber(job.cost_s) or 0) / (tonumber(job.weight) or 1)
  end
end
return found
