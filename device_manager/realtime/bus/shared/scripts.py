"""What the bus asks of Redis in one step each. All times are those of Redis, so clocks of servers do not matter."""

from __future__ import annotations

from device_manager.redis_connection import Script

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
_LAST = """
local function last(stream)
  local found = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  return found[1] and found[1][1] or '0-0'
end
"""

OPEN = Script(
    f"""-- KEYS: log, signals, alive. ARGV: server, milliseconds alive. Returns newest log entry, newest signal.
{_NOW}{_LAST}
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XADD', KEYS[1], string.format('0-%.0f', time[1] * 1000000 + time[2]), 'begin', '')
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('XADD', KEYS[2], '*', 'kind', 'begin')
end
redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
return {{last(KEYS[1]), last(KEYS[2])}}
"""
)

PUBLISH = Script(
    """-- KEYS: log, sent. ARGV: server, most entries, seconds kept, then (sequence, place, data) for each entry.
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.error_reply('ERR somebody removed the log') end
local sent = tonumber(redis.call('GET', KEYS[2]) or 0)
for at = 4, #ARGV, 3 do
  local sequence = tonumber(ARGV[at])
  if sequence > sent then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '0-*',
      'server', ARGV[1], 'sequence', ARGV[at], 'place', ARGV[at + 1], 'data', ARGV[at + 2])
    sent = sequence
  end
end
redis.call('SET', KEYS[2], sent, 'EX', ARGV[3])
return sent
"""
)

FOLLOW = Script(
    f"""-- KEYS: followed, alive, signals, log, holds. ARGV: server, place, milliseconds followed, most signals.
-- Returns the signal, the number from which on the place is followed, and the servers that are alive.
{_NOW}{_LAST}
local from = string.match(last(KEYS[4]), '%d+$')
local known = redis.call('HGET', KEYS[1], ARGV[2])
if known then
  local ends, since = string.match(known, '(%d+):(%d+)')
  if tonumber(ends) >= now then from = since end
end
redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f', now + ARGV[3]) .. ':' .. from)
redis.call('SADD', KEYS[5], ARGV[2])
redis.call('PEXPIRE', KEYS[5], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local signal = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*',
  'kind', 'follow', 'server', ARGV[1], 'place', ARGV[2], 'from', from, 'left', ARGV[3])
return {{signal, from, redis.call('ZRANGE', KEYS[2], 0, -1)}}
"""
)

LEASES = Script(
    f"""-- KEYS: followed, holds. ARGV: milliseconds followed, then places to renew.
-- Returns place, from, milliseconds left ...
{_NOW}
for at = 2, #ARGV do
  redis.call('SADD', KEYS[2], ARGV[at])
  local known = redis.call('HGET', KEYS[1], ARGV[at])
  if known then
    local from = string.match(known, ':(%d+)')
    redis.call('HSET', KEYS[1], ARGV[at], string.format('%.0f', now + ARGV[1]) .. ':' .. from)
  end
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
local found = {{}}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local ends, from = string.match(all[at + 1], '(%d+):(%d+)')
  if tonumber(ends) < now then
    redis.call('HDEL', KEYS[1], all[at])
  else
    table.insert(found, all[at])
    table.insert(found, from)
    table.insert(found, string.format('%.0f', tonumber(ends) - now))
  end
end
return found
"""
)

LET_GO = Script(
    f"""-- KEYS: followed, alive, signals, holds. ARGV: server, prefix of holds, most signals, then places.
-- Ends the leases that no other server wants to be kept, and returns their places.
{_NOW}
local servers = redis.call('ZRANGEBYSCORE', KEYS[2], now, '+inf')
local left = {{}}
for at = 4, #ARGV do
  redis.call('SREM', KEYS[4], ARGV[at])
  local held = 0
  for _, server in ipairs(servers) do
    if server ~= ARGV[1] then held = held + redis.call('SISMEMBER', ARGV[2] .. server, ARGV[at]) end
  end
  if held == 0 then
    redis.call('HDEL', KEYS[1], ARGV[at])
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'kind', 'left', 'server', ARGV[1], 'place', ARGV[at])
    table.insert(left, ARGV[at])
  end
end
return left
"""
)

BEAT = Script(
    f"""-- KEYS: alive, rooms of the server, log, signals. ARGV: server, milliseconds alive, seconds kept, most bytes.
-- Returns whether the rooms are still there.
{_NOW}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local has_rooms = redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[3])
redis.call('EXPIRE', KEYS[4], ARGV[3])
if (redis.call('MEMORY', 'USAGE', KEYS[3]) or 0) > tonumber(ARGV[4]) then
  redis.call('XTRIM', KEYS[3], 'MAXLEN', '~', math.floor(redis.call('XLEN', KEYS[3]) / 2))
end
return has_rooms
"""
)

ROOMS = Script(
    f"""-- KEYS: alive. ARGV: server to leave out, prefix of rooms, room or ''. Returns room, `count:description` ...
{_NOW}
local found = {{}}
for _, server in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
  if server ~= ARGV[1] then
    local key = ARGV[2] .. server
    if ARGV[3] == '' then
      for _, part in ipairs(redis.call('HGETALL', key)) do table.insert(found, part) end
    else
      local value = redis.call('HGET', key, ARGV[3])
      if value then
        table.insert(found, ARGV[3])
        table.insert(found, value)
      end
    end
  end
end
return found
"""
)
