-- Append an attempt and carry out what was decided. Only the holder of the lease may.
-- ARGV[2] task  [3] token  [4] number of the attempt, 0 for none  [5] attempt (packed)  [6] attempt's ledger info (JSON)
-- ARGV[7] move: same | tier | later | park | review | end   [8] its argument: tier, Unix ms, ms to wait, state
-- ARGV[9] reason  [10] name of the policy, with 'audit:' in front for audits  [11] what to tell of it in events, without
--         contents; then, where the end is to be audited, the 14 words of that task (see intake.lua)
-- returns  ok | again (it was carried out before) | stale
local n = now()
local id, token, number, move, arg, reason = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[7], ARGV[8], ARGV[9]
local told = ARGV[11]
local k = task_key(id)
local h = redis.call('HMGET', k, 's', 'l', 'q', 'n', 'o', 'd', 'y')
local op = token .. ':' .. ARGV[4] .. ':' .. move
if h[7] == op then return 'again' end
if h[1] ~= 'running' or h[2] ~= token then return 'stale' end
if number > 0 then
  if redis.call('LLEN', P .. 'trail:' .. id) + 1 ~= number then return 'stale' end
  redis.call('RPUSH', P .. 'trail:' .. id, ARGV[5])
  redis.call('HDEL', k, 'z', 'x', 'v')
  line('attempt', '', id, '0', '0', ARGV[6], '')
end
-- What was answered belongs to that attempt, at that tier.
if number > 0 or move == 'tier' then redis.call('DEL', P .. 'kept:' .. id) end
redis.call('HSET', k, 'y', op)
if move == 'same' then
  event('again', id, told)
  return 'ok'
end

-- Text inside tasks can force escalation on purpose, so a tenant's share of it in a policy is held near to what it was.
-- Each minute counts the tasks that were done with a tier and those of them that went up; older minutes fade. Until the
-- policy is known, and up to a number a minute, all may go.
local KNOWN_AFTER, FREE_A_MINUTE, FADES, RISES = 200, 50, 0.9, 0.02
local function storm()
  local key = P .. 'storm:' .. h[4] .. ':' .. ARGV[10]
  local s = redis.call('HMGET', key, 'm', 'a', 'e', 'pa', 'pe', 'told', 'ne', 'k')
  local minute = math.floor(n / 60000)
  local all, up, past_all, past_up = tonumber(s[2] or 0), tonumber(s[3] or 0), tonumber(s[4] or 0), tonumber(s[5] or 0)
  local new_up, known = tonumber(s[7] or 0), s[8]
  local usual = past_up / math.max(past_all, 1)
  if tonumber(s[1] or minute) ~= minute then
    -- A storm must not become what is usual: that rises slowly, and tasks that were held back before do not count again.
    if known then new_up = math.min(new_up, (usual + RISES) * all) end
    past_all, past_up, all, up, new_up = past_all * FADES + all, past_up * FADES + new_up, 0, 0, 0
    usual = past_up / math.max(past_all, 1)
    if past_all >= KNOWN_AFTER then known = '1' end
  end
  if number > 0 then all = all + 1 end
  local calm = true
  if move == 'tier' then
    calm = not known or up < math.max(FREE_A_MINUTE, (2 * usual + 0.25) * all)
    if calm then
      up = up + 1
      if number > 0 then new_up = new_up + 1 end
    else
      reason = string.format('escalations of %s by %s are held back: %.0f%% of this minute, %.0f%% usually',
        ARGV[10], h[4], 100 * (up + 1) / math.max(all, 1), 100 * usual)
      told = reason
      if tonumber(s[6] or 0) ~= minute then
        redis.call('HSET', key, 'told', int(minute))
        alarm('storm', h[4], reason)
      end
      move, arg = 'later', int((minute + 1) * 60000)
    end
  end
  redis.call('HSET', key, 'm', int(minute), 'a', int(all), 'e', int(up), 'pa', string.format('%.3f', past_all),
    'pe', string.format('%.3f', past_up), 'ne', int(new_up))
  if known then redis.call('HSET', key, 'k', '1') end
  redis.call('EXPIRE', key, 86400)
end

local FRESH_MS = 10000
storm()
redis.call('ZREM', P .. 'slots:' .. h[3], id)
if move == 'tier' then
  make_ready(id, arg, h[4], h[5], tonumber(h[6]), redis.call('HGET', k, 'z'), n)
  event('moved', id, h[3] .. ' ' .. arg .. ' ' .. told)
elseif move == 'later' or move == 'park' then
  redis.call('HSET', k, 's', 'delayed', 'l', '', 'why', reason)
  -- Budgets that were published since the task was refused did not find it parked.
  local fresh = move == 'park' and tonumber(redis.call('HGET', P .. 'budgets', '@') or 0) > n - FRESH_MS
  look_again(id, math.min(tonumber(arg), fresh and n + FRESH_MS or math.huge, tonumber(h[6])))
  if move == 'park' then redis.call('ZADD', P .. 'parked', arg, id) end
  event('delayed', id, told)
elseif move == 'review' then
  redis.call('HSET', k, 's', 'review', 'l', '', 'why', reason)
  redis.call('ZADD', P .. 'review', int(n), id)
  look_again(id, n + tonumber(arg))
  local kept = redis.call('HMGET', k, 'p', 'k', 'c', 'hook', 'r')
  local until_ms = n + tonumber(arg) + tonumber(kept[2]) * 1000
  keep_version(kept[1], until_ms)
  list_until(h[4], tonumber(kept[3]), until_ms)
  event('review', id, told)
  -- Who waits may not want to do so for as long as a person takes; they stay, to hear of the end too.
  for waiter in string.gmatch(kept[5] or '', '%S+') do tell(waiter, id) end
  if kept[4] then announce(id, 'review', h[4], kept[1], kept[4], n) end
else
  end_task(id, arg, reason, n, told)
  -- Where memory is short, or so many audits wait already, no room is taken by what nobody waits for.
  local AUDITS_WAITING_MAX = 1000
  local audit = ARGV[12]
  if audit and redis.call('EXISTS', task_key(audit)) == 0
    and redis.call('ZCARD', P .. 'ready:' .. ARGV[13] .. ':' .. AUDITOR) < AUDITS_WAITING_MAX
    and not no_room(redis.call('ZCARD', P .. 'due'), #ARGV[23]) then
    take_in(12, n)
    redis.call('HSET', task_key(audit), 'of', id)
    redis.call('HSET', k, 'audit', audit)
  end
end
if redis.call('EXISTS', P .. 'turn:' .. h[3]) == 1 then wake(h[3]) end
return 'ok'
