-- Take tasks in: idempotency, backlog, memory, the task, its input, its place in the queue. All or none of each task.
-- What was taken in before is known again, however many wait and however full the memory is.
-- ARGV[2]  most tasks that may wait; ARGV[3]  how many; then 14 for each:
--          id, tier, tenant, policy digest, patience ms, deadline ms (from now), keep s, key, fingerprint, reply-to,
--          priority, input (packed), webhook or '', tags (JSON) or ''
-- returns  for each {ok|replay|conflict|gone, id} | {busy, number waiting} | {full, number waiting, bytes used, bytes at most}
local n = now()
local most = tonumber(ARGV[2])
local answers = {}

for i = 0, tonumber(ARGV[3]) - 1 do
  local a = 4 + i * 14
  local id, key = ARGV[a], ARGV[a + 7]
  local idem = P .. 'idem:' .. ARGV[a + 2] .. ':' .. key
  local known = key ~= '' and redis.call('GET', idem)
  local waiting = redis.call('ZCARD', P .. 'due')
  local answer = {'ok', id}
  if known then
    local first, fingerprint = string.match(known, '^(%S+) (.*)$')
    if fingerprint ~= ARGV[a + 8] then answer = {'conflict', first}
    elseif first ~= id then answer = {redis.call('EXISTS', task_key(first)) == 1 and 'replay' or 'gone', first} end
  elseif redis.call('EXISTS', task_key(id)) == 0 then
    local refused = (waiting >= most) and {'busy', int(waiting)} or no_room(waiting, #ARGV[a + 11] + #ARGV[a + 13])
    if refused then answer = refused else take_in(a, n) end
  end
  answers[i + 1] = answer
end
return answers
