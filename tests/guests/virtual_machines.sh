#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# node with workers, java with all of its threads: programs that reserve and protect memory on their own.
. "$(dirname "$0")/lib.sh"
tried=
mkdir input
cat > input/a.js << 'END'
const { Worker } = require('worker_threads'), zlib = require('zlib'), crypto = require('crypto');
const m = new Map(); for (let i = 0; i < 200000; i++) m.set('k' + i, { i, a: [i] });
console.log(m.size, zlib.gzipSync(JSON.stringify([...m].slice(0, 9000))).length, crypto.createHash('sha1').update('x').digest('hex'));
let left = 3; for (let i = 0; i < 3; i++) new Worker('let a=[];for(let i=0;i<1e5;i++)a.push({i});require("worker_threads").parentPort.postMessage(a.length)',
  { eval: true }).on('message', x => { if (--left == 0) { console.log(x); process.exit(3); } });
END
cat > input/A.java << 'END'
import java.util.*; import java.util.stream.*;
public class A { public static void main(String[] a) throws Exception {
  Map<String, int[]> m = new HashMap<>(); for (int i = 0; i < 200000; i++) m.put("k" + i, new int[i % 50]);
  Thread[] t = new Thread[4]; for (int i = 0; i < 4; i++) { t[i] = new Thread(() -> { byte[][] b = new byte[2000][]; for (int j = 0; j < 2000; j++) b[j] = new byte[j]; }); t[i].start(); }
  for (Thread x : t) x.join(); System.gc();
  try { int[] x = null; System.out.println(x.length); } catch (NullPointerException e) { System.out.println("caught"); }
  System.out.println(m.size() + " " + IntStream.range(0, 100000).parallel().filter(x -> x % 3 == 0).count()); System.exit(4); } }
END
if command -v node > /dev/null; then same_status 3 node a.js && tried=yes; fi
if command -v java > /dev/null && java -XX:TieredStopAtLevel=1 -version 2> /dev/null; then
  same_status 4 java -XX:-UsePerfData -Xmx200m A.java && tried=yes
fi
[ -n "$tried" ] || skip "neither node nor java is installed"
