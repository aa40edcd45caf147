// SPDX-License-Identifier: Apache-2.0
// usage: node buffers.js ROUNDS     Makes and drops objects, strings and buffers, and prints a sum that depends on all of them.
'use strict';
let state = 12345;
function random(below) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % below;
}
const live = new Map();
let sum = 0;
for (let round = 0; round < Number(process.argv[2]); ++round) {
  for (let i = 0; i < 4000; ++i) {
    const key = 'key' + random(3000);
    const buffer = Buffer.allocUnsafeSlow(100 + random(20000));
    buffer.fill(i & 255);
    live.set(key, {buffer, text: key.repeat(3), list: [i, round, key.length]});
    sum = (sum + buffer[buffer.length - 1] + live.get(key).list[0]) >>> 0;
  }
  const names = [...live.keys()].sort();
  for (let i = 0; i < names.length; i += 7) {
    sum = (sum + JSON.stringify(live.get(names[i]).list).length) >>> 0;
    live.delete(names[i]);
  }
}
console.log(sum, live.size);
