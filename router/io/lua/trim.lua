-- Cut lines from the ledger's beginning that are old or too many, never one that is not counted, or not archived where
-- somebody archives.
-- ARGV[2] for how many ms lines are kept  [3] how many lines there may be  [4] how many are looked at
-- returns  {lines cut, lines that should have been cut and may not}
local n = now()
local key, oldest, lines_max = P .. 'ledger', n - tonumber(ARGV[2]), tonumber(ARGV[3])
local ALARM_EVERY_S = 3600

local function ms_of(id) return tonumber(string.match(id, '^%d+')) end
local length = redis.call('XLEN', key)
local function surplus(id, index) return ms_of(id) < oldest or length - index > lines_max end

local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
if not first or not surplus(first[1], 0) then return {0, 0} end

local free = redis.call('HGET', P .. 'cost:all', '@') or '0-0'
local archived = redis.call('GET', P .. 'archived')
if archived and later(free, archived) then free = archived end
local cut, count, held = nil, 0, 0
for i, line in ipairs(redis.call('XRANGE', key, '-', '+', 'COUNT', ARGV[4])) do
  if not surplus(line[1], i - 1) then break end
  if later(line[1], free) then
    held = math.max(1, length - count - lines_max)
    break
  end
  cut, count = line[1], count + 1
end
if cut then
  local ms, seq = string.match(cut, '^(%d+)%-(%d+)$')
  redis.call('XTRIM', key, 'MINID', '=', ms .. '-' .. int(tonumber(seq) + 1))
  redis.call('SET', P .. 'cut', cut)
end
if held > 0 and length - count > lines_max
  and redis.call('SET', P .. 'told:ledger:hour', '1', 'NX', 'EX', ALARM_EVERY_S) then
  alarm('ledger', 'ledger', 'it has ' .. int(length - count) .. ' lines, and the oldest are not '
    .. (archived == free and 'archived' or 'counted') .. ': none is cut')
end
return {count, held}
