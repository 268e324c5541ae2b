-- Put counters in the place of what they were, if no line was counted since they were read: repeated, or beside another
-- that counts, it changes nothing.
-- ARGV[2] id of the last line that is counted in them as they were read, '' for none  [3] as they are now
-- then sections, each with how many there are in front:
--   hours: hour, how many fields, field and value by turns      [cost:<hour>]
--   all:   field and value by turns                             [cost:all]
--   open:  call and what it stands at; doubt: the same; booked: call; waiting: task and ms; answered: task
-- returns  ok | moved
local n = now()
local HOURS_KEPT_S, DOUBT_KEEP_S = 35 * 86400, 100 * 86400
local UNANSWERED_MS, UNANSWERED_MAX = 31 * 86400000, 100000
if (redis.call('HGET', P .. 'cost:all', '@') or '') ~= ARGV[2] then return 'moved' end

local at = 3
local function take()
  at = at + 1
  return ARGV[at]
end
local function each(act)
  for _ = 1, tonumber(take()) do act() end
end

-- Hours that are too old are in the sums of all alone.
each(function()
  local hour, fields = tonumber(take()), tonumber(take())
  local key, left = P .. 'cost:' .. int(hour), (hour + 1) * 3600 + HOURS_KEPT_S - math.floor(n / 1000)
  for _ = 1, fields do
    local field, value = take(), take()
    if left > 0 then redis.call('HSET', key, field, value) end
  end
  if left > 0 then
    redis.call('HSET', key, '@', ARGV[3])
    redis.call('EXPIRE', key, int(left))
    redis.call('ZADD', P .. 'costs', int(hour), int(hour))
  end
end)
redis.call('ZREMRANGEBYSCORE', P .. 'costs', '-inf', '(' .. int(math.floor((n / 1000 - HOURS_KEPT_S) / 3600)))
each(function()
  local field = take()
  redis.call('HSET', P .. 'cost:all', field, take())
end)
redis.call('HSET', P .. 'cost:all', '@', ARGV[3])

each(function()
  local call = take()
  redis.call('HSET', P .. 'counting', call, take())
end)
each(function()
  local call = take()
  redis.call('HDEL', P .. 'counting', call)
  redis.call('SET', P .. 'doubt:' .. call, take(), 'EX', DOUBT_KEEP_S)
end)
each(function()
  local call = take()
  if redis.call('HDEL', P .. 'counting', call) == 0 then redis.call('DEL', P .. 'doubt:' .. call) end
end)
each(function()
  local task = take()
  redis.call('ZADD', P .. 'unanswered', take(), task)
end)
each(function() redis.call('ZREM', P .. 'unanswered', take()) end)
redis.call('ZREMRANGEBYSCORE', P .. 'unanswered', '-inf', int(n - UNANSWERED_MS))
redis.call('ZREMRANGEBYRANK', P .. 'unanswered', 0, -UNANSWERED_MAX - 1)
return 'ok'
