-- Take tasks in: idempotency, backlog, the task, its input, its place in the queue. All or none of each task.
-- ARGV[2]  most tasks that may wait; ARGV[3]  how many; then 12 for each:
--          id, tier, tenant, policy digest, patience ms, deadline ms (from now), keep s, key, fingerprint, reply-to,
--          priority, input (packed)
-- returns  for each {ok|replay|conflict|busy, id or number waiting}
local n = now()
local most = tonumber(ARGV[2])
local answers = {}
for i = 0, tonumber(ARGV[3]) - 1 do
  local a = 4 + i * 12
  local id, tier, tenant, key = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 7]
  local idem = P .. 'idem:' .. tenant .. ':' .. key
  local known = key ~= '' and redis.call('GET', idem)
  local waiting = redis.call('ZCARD', P .. 'due')
  if known then
    local first, fingerprint = string.match(known, '^(%S+) (.*)$')
    if fingerprint ~= ARGV[a + 8] then answers[i + 1] = {'conflict', first}
    elseif first == id then answers[i + 1] = {'ok', id}
    else answers[i + 1] = {'replay', first} end
  elseif redis.call('EXISTS', task_key(id)) == 1 then
    answers[i + 1] = {'ok', id}
  elseif waiting >= most then
    answers[i + 1] = {'busy', int(waiting)}
  else
    local deadline = n + tonumber(ARGV[a + 5])
    local order = math.min(deadline, n + tonumber(ARGV[a + 4]))
    redis.call('HSET', task_key(id), 'n', tenant, 'p', ARGV[a + 3], 'o', int(order), 'c', int(n), 'd', int(deadline),
      'k', ARGV[a + 6], 'h', ARGV[a + 10])
    if key ~= '' then
      redis.call('HSET', task_key(id), 'i', key)
      redis.call('SET', idem, id .. ' ' .. ARGV[a + 8])
    end
    if ARGV[a + 9] ~= '' then redis.call('HSET', task_key(id), 'r', ARGV[a + 9]) end
    redis.call('SET', P .. 'in:' .. id, ARGV[a + 11])
    make_ready(id, tier, tenant, int(order), deadline, '', n)
    answers[i + 1] = {'ok', id}
  end
end
return answers
