-- Ask to be woken when a task ends.
-- ARGV[2] task  [3] name of the waiter's wake list
-- returns  the state it is in now, or nil where there is no such task
local WAITERS_BYTES_MAX = 4000
local k, waiter = task_key(ARGV[2]), ARGV[3]
local h = redis.call('HMGET', k, 's', 'r')
if not h[1] then return false end
local waiters = h[2] or ''
if ENDS[h[1]] or string.find(' ' .. waiters .. ' ', ' ' .. waiter .. ' ', 1, true) then return h[1] end
waiters = (waiters == '') and waiter or (waiters .. ' ' .. waiter)
-- Who waits longest is dropped: all look again by themselves, and are added again then.
if #waiters > WAITERS_BYTES_MAX then
  waiters = string.gsub(string.sub(waiters, -WAITERS_BYTES_MAX), '^%S* ', '')
end
redis.call('HSET', k, 'r', waiters)
return h[1]
