-- cachefront: SQL objects. Generated from sql/install/*.sql by make; edit those.
\echo Use "CREATE EXTENSION cachefront" to load this file. \quit
