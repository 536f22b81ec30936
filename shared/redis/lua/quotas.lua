-- What a person uses: reserved when a job is made, settled when it ends. Prepended to create.lua and move.lua (schema:
-- create.lua).
--
--   darkroom:used:{person}:{yyyymmdd}  reserved_ms, settled_ms: GPU time of the jobs that were sent on that day (UTC)
--   darkroom:pictures:{person}         picture id → bytes: what was uploaded, and what jobs made
--   darkroom:stored                    person → the sum of those bytes
--
-- A job's hash keeps what was reserved for it (reserved_ms) and for which day (quota_day); only these scripts know the two
-- fields. Whatever the job lives through, it ends once, and then exactly that much is released from exactly that day. So
-- nothing leaks and nothing goes below zero. A job counts for the day on which it was sent, whenever it runs.
local USED_TTL_S = 35 * 86400

-- Days since 1970 → yyyymmdd (Howard Hinnant's civil_from_days; scripts have no os.date).
local function day_of(now)
  local z = math.floor(now / 86400000) + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local day = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d%02d%02d', year, month, day)
end

local function whole_ms(seconds) return math.floor((tonumber(seconds) or 0) * 1000 + 0.5) end

local function used_key(person, day) return 'darkroom:used:' .. person .. ':' .. day end

-- The limit that these jobs would break, with what is used, the limit and what they need; nil where there is room.
-- limits: what is not limited is not in it. jobs, cost_ms: of the whole chain of which this is the first that is stored.
local function beyond_limits(person, limits, now)
  if limits.unfinished_jobs then
    local open = 0
    for _, state in ipairs({'waiting', 'queued', 'running'}) do
      open = open + redis.call('ZCARD', 'darkroom:owned:jobs:' .. state .. ':' .. person)
    end
    if open + limits.jobs > limits.unfinished_jobs then
      return {'too_many_open', open, string.format('%.0f', limits.unfinished_jobs), limits.jobs}
    end
  end
  if limits.gpu_ms then
    local day = redis.call('HMGET', used_key(person, day_of(now)), 'reserved_ms', 'settled_ms')
    local used = (tonumber(day[1]) or 0) + (tonumber(day[2]) or 0)
    if used >= limits.gpu_ms or used + limits.cost_ms > limits.gpu_ms then
      return {'quota_exhausted', used, string.format('%.0f', limits.gpu_ms), string.format('%.0f', limits.cost_ms)}
    end
  end
  if limits.stored_bytes then
    local stored = tonumber(redis.call('HGET', 'darkroom:stored', person)) or 0
    if stored >= limits.stored_bytes then
      return {'storage_full', string.format('%.0f', stored), string.format('%.0f', limits.stored_bytes), 0}
    end
  end
  return nil
end

-- Reserve a new job's estimate; its fields keep what and when.
local function reserve_quota(fields, now)
  fields.quota_day = day_of(now)
  local cost_ms = whole_ms(fields.cost_s)
  if cost_ms <= 0 then return end
  fields.reserved_ms = cost_ms
  local key = used_key(fields.caller, fields.quota_day)
  redis.call('HINCRBY', key, 'reserved_ms', string.format('%.0f', cost_ms))
  redis.call('EXPIRE', key, USED_TTL_S)
end

local function count_picture(person, id, bytes, ttl)
  if redis.call('HSETNX', 'darkroom:pictures:' .. person, id, bytes) == 1 then
    redis.call('HINCRBY', 'darkroom:stored', person, bytes)
  end
  redis.call('EXPIRE', 'darkroom:pictures:' .. person, ttl)
  redis.call('EXPIRE', 'darkroom:stored', ttl)
end

-- A job has ended, once: release what was reserved for it, charge the GPU time that it took (spent_s of its record).
local function settle_quota(job_key, person)
  local kept = redis.call('HMGET', job_key, 'reserved_ms', 'quota_day', 'spent_s')
  if not kept[2] then return end
  local reserved, key = tonumber(kept[1]) or 0, used_key(person, kept[2])
  local took_ms = whole_ms(kept[3])
  redis.call('HDEL', job_key, 'reserved_ms', 'quota_day')
  if reserved > 0 then
    -- A day that has expired meanwhile is nobody's concern any more.
    if redis.call('EXISTS', key) == 0 then return end
    redis.call('HINCRBY', key, 'reserved_ms', string.format('%.0f', -reserved))
  end
  if took_ms > 0 then
    redis.call('HINCRBY', key, 'settled_ms', string.format('%.0f', took_ms))
    redis.call('EXPIRE', key, USED_TTL_S)
  end
end

-- The pictures in the result of a job that succeeded count for whoever sent it.
local function count_pictures_of(job_key, person, ttl)
  local result = redis.call('HGET', job_key, 'result')
  if not result or not string.find(result, '"images"', 1, true) then return end
  local images = cjson.decode(result).images
  if type(images) ~= 'table' then return end
  for _, image in ipairs(images) do
    if type(image) == 'table' and image.id and image.bytes then
      count_picture(person, image.id, string.format('%.0f', image.bytes), ttl)
    end
  end
end
