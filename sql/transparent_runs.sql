-- Plain SELECTs that are served from the cache, by all that runs statements: parallel
-- plans, procedures that commit, cursors, functions, triggers, COPY. Each answer is what
-- it is without.

set client_min_messages=notice;
create table tr_big as select g as id, repeat(md5(g::text),3) v from generate_series(1,30000) g; analyze tr_big; create table tr_log(a int);
SET cachefront.transparent_min_saving = 0;
set cachefront.transparent=auto;
set parallel_setup_cost=0; set parallel_tuple_cost=0; set min_parallel_table_scan_size=0; set max_parallel_workers_per_gather=2;
select count(*), sum(length(v)) from tr_big; select count(*), sum(length(v)) from tr_big; select count(*), sum(length(v)) from tr_big;
-- 16 gave force_parallel_mode another name.
select set_config(name, 'on', false) from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query');
select count(*), sum(length(v)) from tr_big where id>5; select count(*), sum(length(v)) from tr_big where id>5; select count(*), sum(length(v)) from tr_big where id>5;
select id from tr_big where id < 4 order by id; select id from tr_big where id < 4 order by id;select id from tr_big where id < 4 order by id;
create function psafe() returns bigint language plpgsql parallel safe stable as $$begin return (select count(*) from tr_big where id%2=0); end$$;
select psafe(), id from tr_big where id<3 order by id; select psafe(), id from tr_big where id<3 order by id;
select set_config(name, 'off', false) from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query');
-- stopped early, goes on, commits
create procedure loops() language plpgsql as $$
declare r record; n int := 0; s bigint := 0;
begin
 for r in select id, v from tr_big order by id loop
   n := n+1; s := s + r.id;
   if n % 7000 = 0 then insert into tr_log values (n); commit; end if;
   if n % 11000 = 0 then rollback; end if;
 end loop;
 raise notice '% %', n, s;
 n := 0;
 for r in select id from tr_big where id < 60 order by id loop n := n + 1; commit; exit when n = 20; end loop;
 raise notice '%', n; n := 0;
 for r in select id from tr_big where id < 60 order by id loop n := n + 1; commit;  end loop;
 raise notice '%', n; n:=0;
 for r in select id from tr_big where id < 10 order by id loop begin n := n + 1; perform 1/(n-3); exception when others then n := n + 100; end; end loop;
 raise notice '%', n; n:=0;
 begin
 for r in select id, 1/(id-55) from tr_big where id < 60 order by id loop n := n + 1; end loop;
 exception when division_by_zero then raise notice 'div at %', n; end;
 perform id from tr_big where id < 100; get diagnostics n = row_count; raise notice 'perform %', n;
 perform id from tr_big where id < 0; raise notice 'found %', found;
end$$;
call loops(); call loops(); call loops();
\set FETCH_COUNT 7
select id from tr_big where id < 20 order by id; select id from tr_big where id < 20 order by id;
\set FETCH_COUNT 0
begin; declare c cursor for select id from tr_big order by id; fetch 3 from c; move 100 from c; fetch 2 from c; move forward all from c; commit;
begin; declare c scroll cursor with hold for select id from tr_big where id<30000 order by id; fetch 3 from c; commit; fetch last from c; fetch backward 2 from c; fetch first from c; close c;
-- scalar select into strict, limits, record loops
do $$ declare a int; b text; begin for i in 1..4 loop select id, v into strict a, b from tr_big where id = 77; raise notice '% %', a, left(b,5);
 begin select id into strict a from tr_big where id < 3; exception when too_many_rows then raise notice 'many'; end;
 begin select id into strict a from tr_big where id < 0; exception when no_data_found then raise notice 'none'; end; end loop; end $$;
-- sql functions
create function sf(int) returns setof tr_big language sql stable as 'select * from tr_big where id < $1 order by id';
create function sf1(int) returns text language sql volatile as 'select v from tr_big where id < $1 order by id';
select sf(3); select sf(3); select sf(3); select * from sf(3); select * from sf(3) limit 1; select sf1(4), sf1(5); select sf1(4), sf1(5); select sf1(4), sf1(5);
select (select sf1(9)), id from tr_big where id < 3 order by id;
-- refcursors
create function rc() returns refcursor language plpgsql as $$declare c refcursor := 'cc'; begin open c for select id from tr_big where id<5 order by id; return c; end$$;
begin; select rc(); fetch 2 from cc; fetch all from cc; fetch backward all from cc; commit;
begin; select rc(); fetch all from cc; fetch backward 2 from cc; move backward all from cc; fetch 1 from cc; update tr_big set v='x' where current of cc; select id,v from tr_big where v='x'; rollback;
-- lateral, ctes, set ops, windows, grouping, values with tables
with recursive t(n) as (select 1 union all select n+1 from t where n < 5) select n, (select count(*) from tr_big where id <= n) from t;
with recursive t(n) as (select 1 union all select n+1 from t where n < 5) select n, (select count(*) from tr_big where id <= n) from t;
with recursive t(n) as (select 1 union all select n+1 from t where n < 5) select n, (select count(*) from tr_big where id <= n) from t;
select id, row_number() over (order by id desc) from tr_big where id < 4 order by 1;select id, row_number() over (order by id desc) from tr_big where id < 4 order by 1;select id, row_number() over (order by id desc) from tr_big where id < 4 order by 1;
(select id from tr_big where id < 3 except select 1) union all select id from tr_big where id = 9; (select id from tr_big where id < 3 except select 1) union all select id from tr_big where id = 9; (select id from tr_big where id < 3 except select 1) union all select id from tr_big where id = 9;
select id, v from tr_big where id < 3 order by id fetch first 1 row with ties; select from tr_big where id<3; select from tr_big where id<3; select from tr_big where id < 3;
table tr_log; table tr_log; table tr_log;
\copy (select id from tr_big where id<3 order by id) to stdout
\copy (select id from tr_big where id<3 order by id) to stdout
\copy (select id from tr_big where id<3 order by id) to stdout (format csv, header)
select id::text, 'x'::varchar(3) as vv, id::numeric(8,2) as nn from tr_big where id=5 \gdesc
select id::text, 'x'::varchar(3) as vv, id::numeric(8,2) as nn from tr_big where id=5 \g
create table ctas as select id, v from tr_big where id < 3; table ctas; drop table ctas; create table ctas as select id, v from tr_big where id < 3; create temp table cc2 as select id,v from tr_big where id<3; \d ctas
drop table ctas; select id,v into ctas from tr_big where id<3; drop table ctas;
select id from tr_big where id = any(array[1,2,3]) order by id; select v from tr_big where (id,v) = (1, 'x');
drop function psafe, sf, sf1, rc; drop procedure loops; drop table tr_big, tr_log;

reset parallel_setup_cost; reset parallel_tuple_cost; reset min_parallel_table_scan_size; reset max_parallel_workers_per_gather;

set client_min_messages=warning;
create table tr_w(id int primary key, v text); insert into tr_w select g,'v'||g from generate_series(1,100) g;
set cachefront.transparent=auto;
-- nested functions with own writes, exceptions, triggers reading
create function rd(int) returns text language plpgsql as $$declare r text; begin select v into r from tr_w where id=$1; return r; end$$;
create function wr(int, text) returns text language plpgsql as $$declare a text; b text; begin select v into a from tr_w where id=$1; update tr_w set v=$2 where id=$1; select v into b from tr_w where id=$1; return a||'>'||b; end$$;
select rd(1), rd(2); select rd(1), rd(2); select rd(1),rd(2);
select wr(1,'n1'), rd(1); select rd(1); select wr(id, 'm'||id), rd(id), id from tr_w where id < 4 order by id; select rd(1), rd(2), rd(3);
begin; savepoint a; select wr(5,'x'); rollback to a; select rd(5), v from tr_w where id = 5; select v from tr_w where id=5; select wr(6,'y'); rollback; select rd(5), rd(6);
do $$ begin perform wr(7,'z'); raise exception 'no'; exception when others then raise notice '%', rd(7); perform rd(7); end $$; select rd(7);
create function trg() returns trigger language plpgsql as $$declare n int; begin select count(*) into n from tr_w where v like 't%'; raise notice '% % %', tg_op, tg_when, n; return coalesce(new,old); end$$;
create trigger t1 before insert or update on tr_w for each row execute function trg(); create trigger t2 after insert or update on tr_w for each row execute function trg();
create constraint trigger t3 after update on tr_w deferrable initially deferred for each row execute function trg();
select count(*) from tr_w where v like 't%'; select count(*) from tr_w where v like 't%'; select count(*) from tr_w where v like 't%';
set client_min_messages=notice;
update tr_w set v='t'||id where id in (10,11,12); insert into tr_w values (200,'tt'); begin; update tr_w set v = 't' where id=20; select count(*) from tr_w where v like 't%'; commit; select count(*) from tr_w where v like 't%';
drop trigger t1 on tr_w; drop trigger t2 on tr_w; drop trigger t3 on tr_w;
-- insert select, ctes with reads, upserts, merge
insert into tr_w select id + 1000, v from tr_w where id < 3; select count(*), max(id) from tr_w; select count(*), max(id) from tr_w; select count(*), max(id) from tr_w; insert into tr_w select id + 2000, v from tr_w where id < 3; select count(*), max(id) from tr_w;
with d as (delete from tr_w where id > 1000 returning id) select count(*), (select count(*) from tr_w) from d; select count(*), max(id) from tr_w;
merge into tr_w using (select 1 as i) s on tr_w.id = s.i when matched then update set v='merged'; select rd(1); select v from tr_w where id = 1;
copy tr_w(id,v) from stdin;
5001	copied
\.
select v from tr_w where id=5001; select count(*) from tr_w;
-- truncate rollback / subxact
begin; truncate tr_w; select count(*) from tr_w; select count(*) from tr_w; rollback; select count(*) from tr_w;
begin; savepoint s; delete from tr_w where id=5001; release s; select count(*) from tr_w; commit; select count(*) from tr_w;
begin; declare c cursor for select count(*), rd(31) from tr_w; update tr_w set v='cur' where id=31; delete from tr_w where id=5000; fetch c; rollback;
begin transaction read only; select v from tr_w where id=31; select v from tr_w where id=31; commit;
begin isolation level serializable; select v from tr_w where id=31; select v from tr_w where id=31; commit;
select rd(id), v from tr_w where id between 30 and 32 order by id;
create function stab() returns text language plpgsql stable as $$begin return (select v from tr_w where id=31); end$$;
create function volw() returns text language plpgsql volatile as $$begin update tr_w set v = v||'+' where id=31; return (select v from tr_w where id=31); end$$;
select stab(), volw(), stab(), volw(), stab(), (select v from tr_w where id=31); select stab();
select volw(), s from (select stab() s from generate_series(1,3) offset 0) x; select v from tr_w where id=31;
execute nothing;
select * from tr_w where id = 'x'; select 1/(id-1) from tr_w where id=1; select 1/(id-1) from tr_w where id=1; select v from tr_w limit -1; select v::int from tr_w where id=31; select v::int from tr_w where id=31;
select tr_w.nope from tr_w; select v from wnope; select v from tr_w where id=31; select v from tr_w where id=31 /* c */; -- x
select v from tr_w where id=31; select v from tr_w where id=32; select v from tr_w where id=31 \; select v from tr_w where id=32 \; update tr_w set v='multi' where id=31 \; select v from tr_w where id=31;
drop table tr_w cascade; drop function rd, wr, trg, stab, volw;

reset cachefront.transparent; reset client_min_messages;
