-- The functions of cf_bench.c; :module is the path of the built library.
CREATE FUNCTION cf_bench_empty(key text, query text, args "any" DEFAULT NULL,
                               ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS json LANGUAGE C VOLATILE AS :'module', 'cf_bench_empty';

CREATE FUNCTION cf_bench_copy(key text, query text, args "any" DEFAULT NULL,
                              ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS json LANGUAGE C VOLATILE AS :'module', 'cf_bench_copy';

CREATE FUNCTION cf_bench_loop(fn regprocedure, key text, query text, args int, n int)
RETURNS float8 LANGUAGE C VOLATILE AS :'module', 'cf_bench_loop';

CREATE FUNCTION cf_bench_times(fn regprocedure, key text, query text, args int, n int,
                               "distinct" bool)
RETURNS float8[] LANGUAGE C VOLATILE AS :'module', 'cf_bench_times';

CREATE FUNCTION cf_bench_beside_hget(fn regprocedure, key text, query text, args int, n int,
                                     "where" text, size int)
RETURNS float8[] LANGUAGE C VOLATILE AS :'module', 'cf_bench_beside_hget';

CREATE FUNCTION cf_bench_statement(statement text, n int)
RETURNS float8 LANGUAGE C VOLATILE STRICT AS :'module', 'cf_bench_statement';

CREATE FUNCTION cf_bench_trigger() RETURNS trigger LANGUAGE C AS :'module', 'cf_bench_trigger';
