-- The lines of the ledger that the counters do not have yet, and what they stand on, at one moment.
-- ARGV[2] id of a line: those after it, or after the last one counted where that is later  [3] how many at most
-- returns  {id of the last line counted or '', ms now, lines, {call, what it stands at, ...}, {task without an answer, ...}}
local key = P .. 'ledger'
local most = tonumber(ARGV[3])

local counted = redis.call('HGET', P .. 'cost:all', '@') or ''
local after = (counted ~= '' and (ARGV[2] == '' or later(counted, ARGV[2]))) and counted or ARGV[2]
local lines = redis.call('XRANGE', key, (after == '') and '-' or '(' .. after, '+', 'COUNT', int(most))

local calls, tasks, seen = {}, {}, {}
for _, line in ipairs(lines) do
  local call, task, kind
  for i = 1, #line[2], 2 do
    local field, value = line[2][i], line[2][i + 1]
    if field == 'c' then call = value elseif field == 't' then task = value elseif field == 'k' then kind = value end
  end
  if kind ~= 'reserved' and call ~= '' and not seen['c' .. call] then calls[#calls + 1] = call end
  if not seen['t' .. task] then tasks[#tasks + 1] = task end
  seen['c' .. call], seen['t' .. task] = true, true
end

local standing, unanswered = {}, {}
if #calls > 0 then
  local open = redis.call('HMGET', P .. 'counting', unpack(calls))
  for i, call in ipairs(calls) do
    local stands = open[i] or redis.call('GET', P .. 'doubt:' .. call)
    if stands then
      standing[#standing + 1] = call
      standing[#standing + 1] = stands
    end
  end
end
if #tasks > 0 then
  for i, at in ipairs(redis.call('ZMSCORE', P .. 'unanswered', unpack(tasks))) do
    if at then unanswered[#unanswered + 1] = tasks[i] end
  end
end
return {counted, int(now()), lines, standing, unanswered}
