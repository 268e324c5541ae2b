-- Put lost, late and stuck things back. Any number may run at once.
-- A running task is looked at when its lease has not been renewed for so long that it should have been. The lease is
-- only noted then, and taken back at its end, or after a grace longer than the renewal interval where that is later: a
-- clock that jumped ahead takes nothing back that is alive.
-- ARGV[2] most tasks and most calls to look at  [3] grace ms  [4] crashes alone after which a task is dead
-- returns  {reclaimed, readied, ended, unsettled}
local n = now()
local most, grace, crashes_max = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local reclaimed, readied, ended, unsettled = 0, 0, 0, 0

for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', int(n), 'LIMIT', 0, most)) do
  local h = redis.call('HMGET', task_key(id), 's', 'q', 'n', 'o', 'd', 'e', 'g', 'z')
  local state = h[1]
  if state == 'running' then
    local ends = tonumber(h[6])
    if h[7] ~= h[6] then
      redis.call('HSET', task_key(id), 'g', h[6])
      look_again(id, math.max(ends, n + grace))
    elseif ends > n then
      look_again(id, ends)
    elseif take_back(id, n, crashes_max) then
      ended = ended + 1
    else
      reclaimed = reclaimed + 1
    end
  elseif state == 'review' then
    end_task(id, 'expired', 'nobody reviewed it in time', n)
    ended = ended + 1
  elseif not state or ENDS[state] then
    redis.call('ZREM', P .. 'due', id)
  elseif tonumber(h[5]) <= n then
    late(id, state, n)
    ended = ended + 1
  else
    local fresh = redis.call('ZSCORE', P .. 'ready:' .. queue_of(h[2], h[8]) .. ':' .. h[3], id) == false
    if state == 'delayed' then
      redis.call('HDEL', task_key(id), 'why')
      redis.call('ZREM', P .. 'parked', id)
    end
    make_ready(id, h[2], h[3], h[4], tonumber(h[5]), h[8], n)
    if fresh then readied = readied + 1 end
  end
end

for _, call in ipairs(redis.call('ZRANGEBYSCORE', P .. 'open', '-inf', int(n), 'LIMIT', 0, most)) do
  local c = read_call(call)
  if c and c.state == 'open' then
    unsettle(call, c, '')
    unsettled = unsettled + 1
  else
    redis.call('ZREM', P .. 'open', call)
  end
end

-- Tasks that are not parked any more were left among those that are before every script took them out: a few are looked at.
local PARKED_SEEN = 20
for _, id in ipairs(redis.call('ZRANDMEMBER', P .. 'parked', PARKED_SEEN)) do
  if redis.call('HGET', task_key(id), 's') ~= 'delayed' then redis.call('ZREM', P .. 'parked', id) end
end

-- Versions that are not current any more go when no task has them.
local outlived = redis.call('ZRANGEBYSCORE', P .. 'versions', '-inf', int(n), 'LIMIT', 0, most)
if #outlived > 0 then
  local current = {}
  for _, name in ipairs(redis.call('SMEMBERS', P .. 'policies')) do
    local card = redis.call('GET', P .. 'current:' .. name)
    if card then current[cjson.decode(card).digest] = true end
  end
  for _, digest in ipairs(outlived) do
    if current[digest] then
      keep_version(digest, n)
    else
      redis.call('DEL', P .. 'policy:' .. digest)
      redis.call('ZREM', P .. 'versions', digest)
    end
  end
end
return {reclaimed, readied, ended, unsettled}
