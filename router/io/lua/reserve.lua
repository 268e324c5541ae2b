-- Set the worst case of a call aside in all its scopes at once, before it is sent, and choose where it goes.
-- ARGV[2] call  [3] task  [4] token  [5] amount  [6] ms until the call counts as lost  [7] the task's cost limit
-- ARGV[8] attempt  [9] position  [10] intent (JSON)  [11] tokens it will about take of a rate
-- ARGV[12] the tier's requests and [13] tokens a minute, 0 for no bound; then for each deployment, the preferred one
--          first: name, requests, tokens a minute
-- returns  {ok, deployment} | {stale, state} | {cost, spent} | {budget, scope, per, limit, used, ms to wait for or 0}
--          | {held, scope, per, limit, spent, held, 1 where a part of that is for a task first in line, ms to wait for,
--            that from now} | {rate, ms to wait for} | {breaker, ms to wait for}
local n = now()
local call, id, amount, first, tokens = ARGV[2], ARGV[3], ARGV[5], ARGV[9] == '0', tonumber(ARGV[11])
local h = redis.call('HMGET', task_key(id), 's', 'l', 'w', 'd', 'c')
if h[1] ~= 'running' or h[2] ~= ARGV[4] then return {'stale', h[1] or 'gone'} end
if tonumber(h[4]) <= n then return {'stale', 'past its deadline'} end
local known = read_call(call)
if known then return {'ok', known.place or ''} end
if tonumber(h[3] or 0) + tonumber(amount) > tonumber(ARGV[7]) then return {'cost', h[3] or '0'} end

-- Which days a window takes in, and when the next one begins. Months by days_from_civil turned round:
-- http://howardhinnant.github.io/date_algorithms.html
local function day_of_month(day)
  local z = day + 719468
  local of_era = z % 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  return of_year - math.floor((153 * math.floor((5 * of_year + 2) / 153) + 2) / 5) + 1
end

local function first_day(per, day)
  if per == 'week' then return day - (day + 3) % 7 end
  if per == 'month' then return day - day_of_month(day) + 1 end
  return day
end

local function next_day(per, day)
  if per == 'week' then return first_day(per, day) + 7 end
  if per == 'month' then return first_day(per, first_day(per, day) + 31) end
  return day + 1
end

local SHORT_MS = {minute = 60000, hour = 3600000}

-- Where the balance of a window shorter than a day is kept.
local function short_name(b) return b.scope .. ':' .. string.sub(b.per, 1, 1) .. int(math.floor(n / SHORT_MS[b.per])) end

local function add_balance(b, name)
  local sums = redis.call('HMGET', P .. 'bal:' .. name, 'reserved', 'settled', 'unsettled')
  b.held = b.held + (tonumber(sums[1]) or 0)
  b.spent = b.spent + (tonumber(sums[2]) or 0) + (tonumber(sums[3]) or 0)
end

-- What is spent of a budget, with unknown outcomes at their bounds, and what calls under way hold.
local function look_at(b)
  b.spent, b.held = 0, 0
  if SHORT_MS[b.per] then return add_balance(b, short_name(b)) end
  -- One day more than today: the clock may have been set back over midnight.
  local last = math.min(next_day(b.per, day_of(n)) - 1, day_of(n) + 1)
  for day = first_day(b.per, day_of(n)), last do add_balance(b, b.scope .. ':d' .. int(day)) end
end

local function turns(b)
  local short = SHORT_MS[b.per]
  if short then return (math.floor(n / short) + 1) * short end
  return next_day(b.per, day_of(n)) * DAY_MS
end

-- The budgets of these scopes. One of a name counts instead of the one for everybody with the same window.
local function budgets_of(scopes)
  local fields = {}
  for _, scope in ipairs(scopes) do
    fields[#fields + 1] = string.match(scope, '^%a+') .. ':*'
    fields[#fields + 1] = scope
  end
  local texts, found = redis.call('HMGET', P .. 'budgets', unpack(fields)), {}
  for i, scope in ipairs(scopes) do
    local by = {}
    for _, text in ipairs({texts[2 * i - 1] or '', texts[2 * i] or ''}) do
      for per, limit, action in string.gmatch(text, '(%a+) (%d+) (%a+)') do
        by[per] = {scope = scope, per = per, limit = tonumber(limit), action = action}
      end
    end
    for _, per in ipairs({'minute', 'hour', 'day', 'week', 'month'}) do found[#found + 1] = by[per] end
  end
  return found
end

-- The threshold (percent) that has been told of a window, and telling a higher one.
local function tell_share(b, percent)
  local key = P .. 'told:' .. b.scope .. ':' .. b.per .. int(turns(b))
  if tonumber(redis.call('GET', key) or 0) >= percent then return end
  redis.call('SET', key, percent, 'PX', int(turns(b) - n + 60000))
  alarm('budget', b.scope, (percent == 100 and 'no room' or percent .. ' %') .. ' in the budget per ' .. b.per)
end

-- A call that finds no room only because calls under way hold their worst case is tried again soon, the later the older
-- its task is. The first one that waits so is tried each second, and after a while room is kept for it: else large calls
-- would wait for ever behind small ones. It loses that place when it does not come again.
local AGAIN_MS, AGAIN_MOST_MS, OF_AGE, PATIENCE_MS, ABSENCE_MS = 1000, 10000, 8, 5000, 5000
local function front_key(b) return P .. 'front:' .. b.scope .. ':' .. b.per end

-- Finds who is first in line at these budgets, and whether room is kept for this task at one of them.
local function see_fronts(budgets)
  local keys, kept = {}, false
  for i, b in ipairs(budgets) do keys[i] = front_key(b) end
  local texts = (#keys > 0) and redis.call('MGET', unpack(keys)) or {}
  for i, b in ipairs(budgets) do
    local task, nusd, since, ends = string.match(texts[i] or '', '^(%S+) (%d+) (%d+) (%d+)$')
    if task and tonumber(since) <= n and n < tonumber(ends) then
      local patient = tonumber(since) + PATIENCE_MS <= n
      b.front = {task = task, nusd = tonumber(nusd), since = since, patient = patient}
      kept = kept or (patient and task == id)
    end
  end
  return kept
end

-- What is kept for the first in line. Two that are first at different budgets do not wait for each other, and what an
-- attempt needs besides waits for nobody.
local function kept_room(b, kept)
  local f = b.front
  if not f or not f.patient or f.task == id or kept or not first or b.spent + f.nusd > b.limit then return 0 end
  return f.nusd
end

local function wait_for_calls(full)
  local again = math.max(AGAIN_MS, math.min(math.floor((n - tonumber(h[5] or n)) / OF_AGE), AGAIN_MOST_MS))
  for _, b in ipairs(first and full or {}) do
    if not b.front or b.front.task == id then
      again = AGAIN_MS
      redis.call('SET', front_key(b), table.concat({id, amount, b.front and b.front.since or int(n),
        int(n + AGAIN_MS + ABSENCE_MS)}, ' '), 'PX', AGAIN_MS + ABSENCE_MS)
    end
  end
  local b = full[1]
  local until_ms = math.min(n + again, turns(b))
  return {'held', b.scope, b.per, int(b.limit), int(b.spent), int(b.held + b.kept), (b.kept > 0) and '1' or '0',
    int(until_ms), int(until_ms - n)}
end

local scopes = scopes_of(ARGV[10])
local budgets = budgets_of(scopes)
local kept = see_fronts(budgets)
local refused, until_ms, full = nil, 0, {}
for _, b in ipairs(budgets) do
  look_at(b)
  b.kept = kept_room(b, kept)
  if b.spent + tonumber(amount) > b.limit then
    tell_share(b, 100)
    -- What is above the whole limit will not fit next time either.
    local never = b.action == 'refuse' or tonumber(amount) > b.limit
    local turn = never and math.huge or turns(b)
    if turn > until_ms then refused, until_ms = b, turn end
  elseif b.spent + b.held + b.kept + tonumber(amount) > b.limit then
    full[#full + 1] = b
  end
end
if refused then
  local wait = (until_ms == math.huge) and 0 or until_ms
  return {'budget', refused.scope, refused.per, int(refused.limit), int(refused.spent + refused.held), int(wait)}
end
if #full > 0 then return wait_for_calls(full) end

-- When the rates of a gate have room, and the commands that use it, to be carried out when all have. What is never
-- refused takes at most a minute ahead.
local AHEAD_MOST_MS, FORGETS = 60000, 0.8
local function room(key, requests, each_tokens, spend)
  local g, opens = redis.call('HMGET', key, 'rt', 'tt', 'ta'), 0
  local function use(field, from, after)
    opens = math.max(opens, from)
    local most = math.max(n + AHEAD_MOST_MS, tonumber(g[(field == 'rt') and 1 or 2] or 0))
    spend[#spend + 1] = {key, field, string.format('%.3f', first and after or math.min(after, most))}
  end
  if tonumber(requests) > 0 then use('rt', requests_rate(g[1], ms_each(tonumber(requests)), AT_ONCE_MS, n)) end
  if tonumber(each_tokens) > 0 then
    use('tt', tokens_rate(g[2], tonumber(each_tokens), tokens, n))
    spend[#spend + 1] = {key, 'ta', string.format('%.1f', FORGETS * tonumber(g[3] or tokens) + (1 - FORGETS) * tokens)}
  end
  return opens
end

-- The first deployment that is neither broken nor resting nor out of its share; else when one will be. While one call
-- tries a broken one the others look again soon.
local PROBE_MS, LOOK_MS = 10000, 1000
local function choose()
  local rests, mends = nil, nil
  local of_tier = P .. 'gate:' .. string.match(scopes[#scopes], '^tier:(.*)$')
  mind_clock(of_tier, n)
  for i = 14, #ARGV, 3 do
    local key = of_tier .. '/' .. ARGV[i]
    mind_clock(key, n)
    local g = redis.call('HMGET', key, 'cu', 'bu', 'bk', 'bp')
    local mended = tonumber(g[2] or 0)
    if mended > n and tonumber(g[3] or 0) >= OUT_AFTER then
      mends = math.min(mends or math.huge, mended)
    elseif mended > n then
      rests = math.min(rests or math.huge, g[4] and math.min(mended, n + LOOK_MS) or mended)
    else
      local spend = {}
      local opens = math.max(tonumber(g[1] or 0), room(of_tier, ARGV[12], ARGV[13], spend),
        room(key, ARGV[i + 1], ARGV[i + 2], spend))
      if opens <= n or not first then
        for _, s in ipairs(spend) do redis.call('HSET', s[1], s[2], s[3], 'at', int(n)) end
        -- After a breaker's pause one call goes first.
        if g[3] then redis.call('HSET', key, 'bu', int(n + PROBE_MS), 'bp', '1', 'at', int(n)) end
        return ARGV[i]
      end
      rests = math.min(rests or math.huge, opens)
    end
  end
  if rests then return nil, 'rate', math.min(rests, mends or math.huge) end
  return nil, 'breaker', mends
end

local place, why, opens = choose()
if not place then return {why, int(math.ceil(opens))} end

local names = names_of(scopes, n)
for _, b in ipairs(budgets) do
  if SHORT_MS[b.per] then names[#names + 1] = short_name(b) end
  if b.front and b.front.task == id then redis.call('DEL', front_key(b)) end
  local after = b.spent + b.held + tonumber(amount)
  for _, percent in ipairs({80, 50}) do
    if after * 100 >= percent * b.limit then
      tell_share(b, percent)
      break
    end
  end
end
local c = {state = 'open', reserved = amount, names = table.concat(names, BETWEEN), place = place, task = id,
  token = ARGV[4], attempt = ARGV[8], position = ARGV[9], intent = ARGV[10]}
write_call(call, c)
redis.call('ZADD', P .. 'open', int(n + tonumber(ARGV[6])), call)
redis.call('HINCRBY', task_key(id), 'w', amount)
balance(c, 'reserved', amount)
count_call(c)
line_reserved(call, c, amount, n)
return {'ok', place}
