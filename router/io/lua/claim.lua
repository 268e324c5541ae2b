-- Lease the most urgent ready tasks of some queues to one shift.
-- ARGV[2]  token of this claim; a repeated claim with the same token gets the same tasks
-- ARGV[3]  most tasks; ARGV[4]  lease ms; ARGV[5]  1 for suspects only; then for each queue: tier, concurrency,
--          requests and tokens a minute (0 for no bound), how many deployments, and for each: name, requests, tokens
-- returns  {now, ms when a gate opens that held ready tasks back or 0,
--          {id, tier, hash values, input, trail, kept answers} ...}
local n = now()
local token, most, lease = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local alone = ARGV[5] == '1'
-- Expired tasks are ended on the way, but not all of a long queue in one go.
local POPS_MAX = 200

local function show(id)
  local h = redis.call('HMGET', task_key(id), 'n', 'p', 'c', 'd', 'h', 'v', 'q')
  local kept = h[6] and redis.call('HGETALL', P .. 'kept:' .. id) or {}
  return {id, h[7], h, redis.call('GET', P .. 'in:' .. id), redis.call('LRANGE', P .. 'trail:' .. id, 0, -1), kept}
end

local before = redis.call('LRANGE', P .. 'claim:' .. token, 0, -1)
local answer = {int(n), '0'}
local taken = {}
if #before > 0 then
  for _, id in ipairs(before) do
    if redis.call('HGET', task_key(id), 'l') == token then answer[#answer + 1] = show(id) end
  end
  return answer
end

-- The most urgent task of the tenant whose turn it is, or nil; and whether any tenant is left.
local function pop(queue)
  local turns = P .. 'turn:' .. queue
  local turn = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')
  if not turn[1] then return nil, false end
  local ready = P .. 'ready:' .. queue .. ':' .. turn[1]
  local id = redis.call('ZPOPMIN', ready)[1]
  redis.call('SET', P .. 'vt:' .. queue, turn[2])
  if redis.call('EXISTS', ready) == 1 then redis.call('ZINCRBY', turns, turn_cost(turn[1]), turn[1])
  else redis.call('ZREM', turns, turn[1]) end
  return id, true
end

local function take(tier, id)
  local h = redis.call('HMGET', task_key(id), 's', 'd')
  if h[1] ~= 'ready' then return end
  if tonumber(h[2]) <= n then
    end_task(id, 'expired', 'the deadline passed before ' .. tier .. ' was asked', n)
    return
  end
  redis.call('HSET', task_key(id), 's', 'running', 'l', token)
  lease_until(id, tier, tonumber(h[2]), n, lease)
  taken[#taken + 1] = id
  answer[#answer + 1] = show(id)
end

-- How many calls the rates of a gate have room for now, and when for one more; tokens as calls took them lately.
local TOKENS_OF_A_CALL = 1000
local function room(key, requests, tokens)
  mind_clock(key, n)
  local g = redis.call('HMGET', key, 'rt', 'tt', 'cu', 'ta')
  if tonumber(g[3] or 0) > n then return 0, tonumber(g[3]) end
  local count, opens = most, n
  local function bound(free, each_ms)
    local start = math.max(tonumber(free or 0), n)
    local now_free = math.max((start <= n) and 1 or 0, math.floor((n + AT_ONCE_MS - start) / each_ms))
    if now_free <= count then
      start = start + now_free * each_ms
      local at = math.min(start, start + each_ms - AT_ONCE_MS)
      opens = (now_free < count) and at or math.max(opens, at)
      count = now_free
    end
  end
  if tonumber(requests) > 0 then bound(g[1], ms_each(tonumber(requests))) end
  if tonumber(tokens) > 0 then bound(g[2], tonumber(g[4] or TOKENS_OF_A_CALL) * ms_each(tonumber(tokens))) end
  return count, opens
end

-- The same for a tier with its deployments; `i` is where it stands in ARGV. A broken one takes nothing, and one call
-- after its pause; but where all are out for long tasks are taken, to be told so.
local function room_of(i)
  local key, places, sound = P .. 'gate:' .. ARGV[i], 0, ARGV[i + 4] == '0'
  local place_opens = math.huge
  for j = i + 5, i + 4 + 3 * tonumber(ARGV[i + 4]), 3 do
    local place = key .. '/' .. ARGV[j]
    local g = redis.call('HMGET', place, 'bu', 'bk')
    local broken = tonumber(g[1] or 0) > n
    sound = sound or not broken or tonumber(g[2] or 0) < OUT_AFTER
    if broken then
      place_opens = math.min(place_opens, tonumber(g[1]))
    else
      local count, opens = room(place, ARGV[j + 1], ARGV[j + 2])
      places, place_opens = places + math.min(g[2] and 1 or most, count), math.min(place_opens, opens)
    end
  end
  if ARGV[i + 4] == '0' then return most, n end
  local all, opens = room(key, ARGV[i + 2], ARGV[i + 3])
  local reach = sound and places or most
  if all < reach then return all, opens end
  return reach, (all == reach) and math.max(place_opens, opens) or place_opens
end

-- How many tasks left the queue of a tier lately, in steps of ten seconds.
local PACE_MS, PACE_KEEP_S = 10000, 120
local function count_pace(tier, count)
  local key = P .. 'pace:' .. tier .. ':' .. int(math.floor(n / PACE_MS))
  if redis.call('INCRBY', key, count) == count then redis.call('EXPIRE', key, PACE_KEEP_S) end
end

local i = 6
while i <= #ARGV do
  local tier = ARGV[i]
  local queue = queue_of(tier, alone and '1' or '')
  redis.call('ZREMRANGEBYSCORE', P .. 'slots:' .. tier, '-inf', int(n))
  local free = alone and most or (tonumber(ARGV[i + 1]) - redis.call('ZCARD', P .. 'slots:' .. tier))
  local before_it = #taken
  local places, opens = most, n
  if not alone then places, opens = room_of(i) end
  local limit = math.min(most, #taken + math.min(free, places))
  for _ = 1, POPS_MAX do
    if #taken >= limit then break end
    local id, more = pop(queue)
    if id then take(tier, id) end
    if not more then break end
  end
  if not alone and #taken > before_it then count_pace(tier, #taken - before_it) end
  -- Held back by its gates alone, and somebody waits.
  if places < free and #taken - before_it >= places and redis.call('EXISTS', P .. 'turn:' .. queue) == 1 then
    local known = tonumber(answer[2])
    if opens > n and (known == 0 or opens < known) then answer[2] = int(math.ceil(opens)) end
  end
  i = i + 5 + 3 * tonumber(ARGV[i + 4])
end
if #taken > 0 then
  redis.call('RPUSH', P .. 'claim:' .. token, unpack(taken))
  redis.call('PEXPIRE', P .. 'claim:' .. token, lease * 4)
end
return answer
