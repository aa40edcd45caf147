#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sqlite3: a database with indexes, triggers, window functions and a vacuum; the file is the same byte for byte.
. "$(dirname "$0")/lib.sh"
require sqlite3

mkdir input
cat > input/a.sql << 'END'
create table t(id integer primary key, a text, b real);
create index by_a on t(a);
create table log(n);
create trigger after_insert after insert on t when new.id % 100 = 0 begin insert into log values(new.id); end;
with recursive c(i) as (select 1 union all select i + 1 from c where i < 30000)
insert into t select i, printf('%08x', (i * 2654435761) % 4294967296), i / 7.0 from c;
select count(*), sum(b), max(a) from t; select count(*) from log;
select a, rank() over (order by a) from t order by id limit 5;
select substr(a, 1, 2) p, count(*), group_concat(id) from t group by p order by 2 desc, p limit 3;
delete from t where id % 3 = 0; vacuum; pragma integrity_check; .dump log
select * from nowhere;
END
same sqlite3 rows.db '.read a.sql'
