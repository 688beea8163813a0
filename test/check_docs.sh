#!/usr/bin/env bash
# Documents and tests keep up with the code:
# - every setting, SQL function and view is named in README.md;
# - every one of them is named in a test;
# - every SQL object has a COMMENT;
# - every view, and each of its columns, has a line in docs/monitoring.md;
# - the rights in Redis that README.md asks for are those that a test makes do with.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

# Objects that nobody calls by name, beside the functions behind the views
# (cache_..._data): those need no documentation and no test of their own.
INTERNAL=(cache_definitions_changed)

bad=0

complain()
{
	printf '%s\n' "$*"
	bad=1
}

settings()
{
	grep -ohE '"cachefront\.[a-z0-9_]+"' src/guc.c | tr -d '"' | sort -u
}

# "KIND name" of each object that the install scripts create.
objects()
{
	sed -nE 's/^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|VIEW|TABLE|SEQUENCE|EVENT TRIGGER|TRIGGER) ([a-z0-9_]+).*/\2 \3/p' \
		sql/install/*.sql | sort
}

comments()
{
	sed -nE 's/^COMMENT ON (FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|VIEW|TABLE|SEQUENCE|EVENT TRIGGER|TRIGGER) ([a-z0-9_]+).*/\1 \2/p' \
		sql/install/*.sql | sort
}

# Functions and views that people use.
public_objects()
{
	local internal

	internal=$(printf '%s\n' "${INTERNAL[@]}")
	objects | sed -nE 's/^(FUNCTION|PROCEDURE|AGGREGATE|VIEW) //p' | sort -u |
		grep -v '_data$' | grep -vxF "$internal"
}

# The regression, isolation and TAP tests, the perl modules left out.
test_text()
{
	find sql test/specs test/t -type f \
		\( -name '*.sql' -o -name '*.spec' -o -name '*.pl' \) \
		! -path 'sql/install/*' ! -path 'sql/updates/*' ! -name 'cachefront--*' \
		-exec cat {} +
}

tests=$(test_text)
readme=$(cat README.md 2>/dev/null) || complain "there is no README.md"
for name in $(settings) $(public_objects); do
	if ! grep -qwF -- "$name" <<<"$readme"; then
		complain "$name: not in README.md"
	fi
	if ! grep -qwF -- "$name" <<<"$tests"; then
		complain "$name: in no test"
	fi
done

# "VIEW COLUMN" of each view, from the function behind it.
view_columns()
{
	awk '/^CREATE FUNCTION cache_[a-z0-9_]+_data\(/ { view = $3; sub(/_data\(.*/, "", view) }
		view != "" {
			line = $0
			while (match(line, /OUT [a-z0-9_]+/)) {
				print view, substr(line, RSTART + 4, RLENGTH - 4)
				line = substr(line, RSTART + RLENGTH)
			}
		}
		/^RETURNS/ { view = "" }' sql/install/*.sql
}

# The lines of docs/monitoring.md about a view.
monitoring()
{
	awk -v head="## $1" '/^## / { inside = ($0 == head) } inside' docs/monitoring.md
}

while read -r view column; do
	if ! grep -qF -- "| \`$column\` | " <<<"$(monitoring "$view")"; then
		complain "$view.$column: not in docs/monitoring.md"
	fi
done < <(view_columns)
while read -r view; do
	if ! grep -q "^$view " <<<"$(view_columns)"; then
		complain "$view: found no columns of the function behind it"
	fi
done < <(objects | sed -n 's/^VIEW //p')

# One line for each object without a comment: overloads need one each.
while read -r kind name; do
	complain "$kind $name: has no COMMENT in sql/install"
done < <(comm -23 <(objects) <(comments))

rights=$(grep '^ACL SETUSER ' <<<"$readme")
if [[ -z $rights ]] || ! grep -qF -- "$rights" <<<"$tests"; then
	complain "README.md: 'ACL SETUSER' is not as in a test: $rights"
fi

if [[ -z $(settings) || -z $(objects) ]]; then
	complain "found no settings in src/guc.c or no objects in sql/install"
fi
exit $bad
