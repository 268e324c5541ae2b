-- Put lost, late and stuck things back. Any number may run at once.
-- A lease that ran out is only noted at first and taken back after a grace longer than the renewal interval: a clock
-- that jumped ahead reclaims nothing that is alive.
-- ARGV[2] most tasks and most calls to look at  [3] grace ms  [4] crashes alone after which a task is dead
-- returns  {reclaimed, readied, ended, unsettled}
local n = now()
local most, grace, crashes_max = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local reclaimed, readied, ended, unsettled = 0, 0, 0, 0

local function late(id, state)
  local why = (state == 'delayed') and redis.call('HGET', task_key(id), 'why')
  local told = 'the deadline passed while the task was ' .. state
  end_task(id, 'expired', told .. (why and ': ' .. why or ''), n, told)
  ended = ended + 1
end

local function reclaim(id, h)
  redis.call('ZREM', P .. 'slots:' .. h[2], id)
  redis.call('HDEL', task_key(id), 'g')
  local crashes = 0
  if h[8] == '1' then crashes = redis.call('HINCRBY', task_key(id), 'x', 1) end
  if crashes >= crashes_max then
    end_task(id, 'dead', 'its worker crashed ' .. crashes .. ' times while it ran alone', n)
    ended = ended + 1
  elseif tonumber(h[5]) <= n then
    late(id, 'running')
  else
    redis.call('HSET', task_key(id), 'z', '1', 'v', '1')
    make_ready(id, h[2], h[3], h[4], tonumber(h[5]), '1', n)
    event('reclaimed', id, h[2])
    reclaimed = reclaimed + 1
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', int(n), 'LIMIT', 0, most)) do
  local h = redis.call('HMGET', task_key(id), 's', 'q', 'n', 'o', 'd', 'e', 'g', 'z')
  local state = h[1]
  if state == 'running' then
    if h[7] == h[6] then reclaim(id, h)
    else
      redis.call('HSET', task_key(id), 'g', h[6])
      look_again(id, n + grace)
    end
  elseif state == 'review' then
    end_task(id, 'expired', 'nobody reviewed it in time', n)
    ended = ended + 1
  elseif not state or ENDS[state] then
    redis.call('ZREM', P .. 'due', id)
  elseif tonumber(h[5]) <= n then
    late(id, state)
  else
    local fresh = redis.call('ZSCORE', P .. 'ready:' .. queue_of(h[2], h[8]) .. ':' .. h[3], id) == false
    if state == 'delayed' then redis.call('HDEL', task_key(id), 'why') end
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
return {reclaimed, readied, ended, unsettled}
