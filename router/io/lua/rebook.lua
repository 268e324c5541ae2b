-- Book a call as the provider's bill has it. Nobody has its answer: none is kept.
-- ARGV[2] call  [3] settled|void  [4] amount  [5] extra (JSON)
-- ARGV[6] how the ledger has it: unsettled, or none where no line tells of it  [7] its bound
-- ARGV[8] day on which it is booked if its record is gone, '' for today  [9] task  [10] intent (JSON)
-- returns  ok | again (it was booked before, or may still run: then who runs it books it)
local n = now()
local call, kind, amount, stands = ARGV[2], ARGV[3], ARGV[4], ARGV[6]

local c = read_call(call)
if c and c.state ~= 'unsettled' then return 'again' end
if not c then
  local at = (ARGV[8] == '') and n or (tonumber(ARGV[8]) * DAY_MS)
  c = {reserved = (stands == 'unsettled') and ARGV[7] or '0', task = ARGV[9], intent = ARGV[10],
    names = table.concat(names_of(scopes_of(ARGV[10]), at), BETWEEN)}
  if stands == 'none' then
    count_call(c)
    line_reserved(call, c, '0', at)
  end
end
balance(c, 'unsettled', minus(c.reserved))
local overrun = '0'
if kind == 'settled' then
  balance(c, 'settled', amount)
  if stands == 'unsettled' and tonumber(amount) > tonumber(c.reserved) then
    overrun = int(tonumber(amount) - tonumber(c.reserved))
    balance(c, 'overrun', overrun)
  end
else
  amount = '0'
end
if redis.call('EXISTS', task_key(c.task)) == 1 then
  redis.call('HINCRBY', task_key(c.task), 'w', int(tonumber(amount) - tonumber(c.reserved)))
end
close_call(call, kind)
line(kind, call, c.task, amount, overrun, c.intent, ARGV[5])
return 'ok'
