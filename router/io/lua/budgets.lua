-- Put these budgets in the place of all, and let tasks that a budget parked try again, some at a time.
-- ARGV[2]  most tasks to wake; then for each scope: scope, its budgets as "per limit action;..."
-- returns  how many tasks are still to be woken: the same again, until there are none
redis.call('DEL', P .. 'budgets')
for i = 3, #ARGV, 2 do redis.call('HSET', P .. 'budgets', ARGV[i], ARGV[i + 1]) end
for _, id in ipairs(redis.call('ZRANGE', P .. 'parked', 0, tonumber(ARGV[2]) - 1)) do
  redis.call('ZREM', P .. 'parked', id)
  if redis.call('HGET', task_key(id), 's') == 'delayed' then look_again(id, now()) end
end
return redis.call('ZCARD', P .. 'parked')
