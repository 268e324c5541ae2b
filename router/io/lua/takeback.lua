-- How tasks are ended that are late, and taken back from a shift that is gone; it stands in front of the scripts that do
-- so. A task that was in flight in a crash is a suspect: it runs alone, and only a crash alone counts against it.
-- Each returns whether the task has ended.

local function late(id, state, n)
  local why = (state == 'delayed') and redis.call('HGET', task_key(id), 'why')
  local told = 'the deadline passed while the task was ' .. state
  end_task(id, 'expired', told .. (why and ': ' .. why or ''), n, told)
  return true
end

local function take_back(id, n, crashes_max)
  local h = redis.call('HMGET', task_key(id), 'q', 'n', 'o', 'd', 'z')
  redis.call('ZREM', P .. 'slots:' .. h[1], id)
  redis.call('HDEL', task_key(id), 'g')
  local crashes = (h[5] == '1') and redis.call('HINCRBY', task_key(id), 'x', 1) or 0
  if crashes >= crashes_max then
    -- Nobody has to look after an audit.
    local state = (h[2] == AUDITOR) and 'rejected' or 'dead'
    end_task(id, state, 'its worker crashed ' .. crashes .. ' times while it ran alone', n)
    return true
  end
  if tonumber(h[4]) <= n then return late(id, 'running', n) end
  redis.call('HSET', task_key(id), 'z', '1', 'v', '1')
  make_ready(id, h[1], h[2], h[3], tonumber(h[4]), '1', n)
  event('reclaimed', id, h[1])
  return false
end
