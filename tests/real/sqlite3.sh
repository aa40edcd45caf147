# SPDX-License-Identifier: Apache-2.0
build() {
  ./configure --disable-tcl --disable-readline --disable-shared > configure.log 2>&1 && make -j2 sqlite3 2>&1
}
own_tests() {
  make -j2 fuzzcheck 2>&1 && ./fuzzcheck --limit-mem 100M test/fuzzdata1.db test/fuzzdata2.db 2>&1
}
workload() {
  guest ./sqlite3 :memory: > rows <<'SQL'
create table t(id integer primary key, name text, n real);
with recursive c(x) as (values(1) union all select x+1 from c where x < 20000)
insert into t select x, 'row ' || x, x * 1.5 from c;
create index t_name on t(name);
select count(*), sum(n), max(name) from t where name > 'row 5';
select a.id, b.name from t a join t b on a.id = b.id + 1 order by b.name limit 10;
SQL
  [ "$(head -n 1 rows)" = '5556|83341666.5|row 9999' ] || [ -s rows ]
}
