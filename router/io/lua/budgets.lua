-- Put budgets in the place of all, and let tasks that a budget parked try again, some at a time.
-- ARGV[2]  1 to put them there, 0 only to wake  [3] most tasks to wake; then for each scope: scope, its budgets as
--          "per limit action;..."
-- returns  how many tasks are still to be woken
local n = now()
if ARGV[2] == '1' then
  redis.call('DEL', P .. 'budgets')
  redis.call('HSET', P .. 'budgets', '@', int(n))
  for i = 4, #ARGV, 2 do redis.call('HSET', P .. 'budgets', ARGV[i], ARGV[i + 1]) end
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'parked', 0, tonumber(ARGV[3]) - 1)) do
  redis.call('ZREM', P .. 'parked', id)
  if redis.call('HGET', task_key(id), 's') == 'delayed' then look_again(id, n) end
end
return redis.call('ZCARD', P .. 'parked')
