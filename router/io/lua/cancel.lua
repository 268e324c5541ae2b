-- End a task that has not ended. Its calls in flight are booked when they come back.
-- ARGV[2] task
-- returns  the state it is in now, or nil where there is no such task
local id = ARGV[2]
local state = redis.call('HGET', task_key(id), 's')
if not state then return false end
if not ENDS[state] then
  end_task(id, 'cancelled', 'cancelled by the caller', now())
  return 'cancelled'
end
return state
