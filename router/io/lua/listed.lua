-- A page of a tenant's tasks, newest first: by the moment they came, and by id where that is the same.
-- ARGV[2] tenant  [3] ms of the last one that was seen, or of the newest that is wanted  [4] its id, '' for none
-- ARGV[5] ms of the oldest that is wanted  [6] how many at most
-- returns  ids and ms by turns
local tenant, at, after = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local oldest, most = tonumber(ARGV[5]), tonumber(ARGV[6])
-- No record is kept longer: 30 days until its deadline, a year in review, a year after its end.
local DAYS_MAX = 800
local found = {}
local function fill(own)
  local offset = 0
  while #found < 2 * most do
    local page = redis.call('ZREVRANGEBYSCORE', own, int(at), int(oldest), 'WITHSCORES', 'LIMIT', int(offset),
      int(most))
    for i = 1, #page, 2 do
      local seen = after ~= '' and tonumber(page[i + 1]) == at and page[i] >= after
      if not seen and #found < 2 * most then
        found[#found + 1] = page[i]
        found[#found + 1] = page[i + 1]
      end
    end
    if #page < 2 * most then return end
    offset = offset + most
  end
end

local last = math.floor(math.max(oldest, now() - DAYS_MAX * DAY_MS) / DAY_MS)
for day = day_of(math.min(at, now() + DAY_MS)), last, -1 do
  if #found >= 2 * most then break end
  fill(P .. 'of:' .. tenant .. ':' .. int(day))
end
return found
