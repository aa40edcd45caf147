-- SPDX-License-Identifier: Apache-2.0
-- Tables, closures, coroutines, strings: every kind of object that Lua allocates.
local kept, words = {}, {}
for i = 1, 20000 do
  kept[i] = { id = i, name = "object " .. i, next = kept[i - 1] }
  words[#words + 1] = ("%x"):format(i * 2654435761 % 4294967296)
end
table.sort(words)
for i = 1, 500 do
  local step = coroutine.wrap(function(n)
    for k = 1, n do coroutine.yield(function() return k + i end) end
  end)
  for _ = 1, 3 do assert(step(10)() > i) end
end
local text = table.concat(words, " ")
local count = 0
for word in text:gmatch("%x+") do count = count + #word end
assert(#kept == 20000 and count + #words - 1 == #text)
assert(load("local t = {} for i = 1, 100 do t[i] = tostring(i) end return #t")() == 100)
