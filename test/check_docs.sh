#!/usr/bin/env bash
# Documents and tests keep up with the code:
# - every SQL function and view is named in docs/functions.md, every setting has a heading in
#   docs/settings.md;
# - README.md is a page that one reads: 200 lines at most;
# - every one of them is named in a test;
# - every SQL object has a COMMENT;
# - every view, and each of its columns, has a line in docs/monitoring.md, and a COMMENT that
#   says the same;
# - the rights in Redis that docs/redis.md asks for are those that a test makes do with;
# - docs/consistency.md names no test, planted fault or rule of a model that is not there;
# - what the manual has in backticks and looks like a function, view, column or setting of
#   ours is one;
# - docs/glossary.md has each word once, and names files that are there;
# - the README of a folder of src/ names each of its files, but for headers between two of them;
# - no file names a document that is not in the repository.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

# Objects that nobody calls by name, beside the functions behind the views
# (cache_..._data): those need no documentation and no test of their own.
INTERNAL=(cache_definitions_changed cache_query_marks_changed cache_writers_changed)

bad=0

complain()
{
	printf '%s\n' "$*"
	bad=1
}

settings()
{
	grep -ohE '"cachefront\.[a-z0-9_]+"' src/base/guc.c | tr -d '"' | sort -u
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
functions=$(cat docs/functions.md)
for name in $(public_objects); do
	if ! grep -qwF -- "$name" <<<"$functions"; then
		complain "$name: not in docs/functions.md"
	fi
done
for name in $(settings); do
	if ! grep -qxF -- "### \`$name\`" docs/settings.md; then
		complain "$name: has no heading in docs/settings.md"
	fi
done
# shellcheck disable=SC2016
while read -r name; do
	if ! grep -qxF -- "$name" <<<"$(settings)"; then
		complain "docs/settings.md: there is no setting $name"
	fi
done < <(sed -nE 's/^### `(.*)`$/\1/p' docs/settings.md)
for readme in src/*/README.md; do
	while read -r file; do
		if ! grep -qE "\`$file(\.[ch])?\`" "$readme"; then
			complain "$readme: does not name $file"
		fi
	done < <(find "${readme%/*}" -name '*.[ch]' ! -name '*_internal.h' -printf '%f\n' |
		sed 's/\.[ch]$//' | sort -u)
done
if (($(wc -l <README.md) > 200)); then
	complain "README.md has more than 200 lines"
fi
for name in $(settings) $(public_objects); do
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
if ! diff <(test/column_comments.sh) sql/install/60_columns.sql >/dev/null; then
	complain 'sql/install/60_columns.sql: not what test/column_comments.sh prints'
fi
# The script is read in the encoding of the database, whatever that is.
if LC_ALL=C grep -n '[^ -~	]' sql/install/*.sql; then
	complain 'sql/install: not ASCII'
fi
while read -r view; do
	if ! grep -q "^$view " <<<"$(view_columns)"; then
		complain "$view: found no columns of the function behind it"
	fi
done < <(objects | sed -n 's/^VIEW //p')

# One line for each object without a comment: overloads need one each.
while read -r kind name; do
	complain "$kind $name: has no COMMENT in sql/install"
done < <(comm -23 <(objects) <(comments))

rights=$(grep '^ACL SETUSER ' docs/redis.md)
if [[ -z $rights ]] || ! grep -qF -- "$rights" <<<"$tests"; then
	complain "docs/redis.md: 'ACL SETUSER' is not as in a test: $rights"
fi

# The rows of its tables: cells 5 (tests) and 6 (models).
protocol_cells()
{
	awk -F ' *[|] *' -v cell="$1" '/^\| [0-9]+ \|/ { print $cell }' docs/consistency.md
}

has_test()
{
	case $1 in
		*.pl) [[ -e test/t/$1 ]] ;;
		sql/*.sql) [[ -e $1 ]] ;;
		[A-Z]*) grep -q "FAULT($1," src/base/fault.h ;;
		*) [[ -e test/specs/$1.spec ]] ;;
	esac
}

# shellcheck disable=SC2016
while read -r name; do
	has_test "$name" || complain "docs/consistency.md: there is no test $name"
done < <(protocol_cells 5 | grep -oE '`[^`]+`' | tr -d '`' | sort -u)

# "MODEL RULE" of each case of test/model that has to break.
model_rules()
{
	sed -nE "s/^\t'(breaks|hangs) ([a-z]+) (.*)'$/\2 \3/p" test/model/run.sh |
		while read -r model flags; do
			for flag in $flags; do
				if grep -qE "^ \*.*$flag\b" test/model/"$model".pml && [[ $flag != -DSEEK* ]]; then
					echo "$model ${flag#-D}"
				fi
			done
		done | sort -u
}

# "flight `A`, `B`; history `C`" as "flight A" and so on.
# shellcheck disable=SC2016
protocol_rules()
{
	protocol_cells 6 | tr ';' '\n' | tr ',' '\n' |
		sed -nE 's/^ *([a-z]+) `([A-Z_]+)`$/\1 \2/p; s/^ *`([A-Z_]+)`$/= \1/p' |
		awk '$1 != "=" { model = $1 } { print model, $2 }' | sort -u
}

while read -r rule; do
	complain "docs/consistency.md: no case of test/model/run.sh breaks: $rule"
done < <(comm -23 <(protocol_rules) <(model_rules))

# The glossary has each word once, in order, and knows where it lives.
glossary()
{
	awk -F ' *[|] *' -v cell="$1" '/^\| / && !/^\| (word|---) / { print $cell }' docs/glossary.md
}

if ! glossary 2 | LC_ALL=C sort -fuc; then
	complain "docs/glossary.md: a word stands twice, or not in its place"
fi
# shellcheck disable=SC2016
while read -r file; do
	[[ -e src/$file || -e $file ]] || complain "docs/glossary.md: there is no $file"
done < <(glossary 4 | grep -oE '`[a-z_]+/[a-z0-9_/]*(\.[ch])?`' | tr -d '`' | sort -u)

# Files whose names look like a setting's, and the beginning of a rule's name.
NOT_OURS=(cachefront.c cachefront.control cachefront.line cachefront.memory cachefront.so cache_rule_)

# What stands in backticks in the manual and looks like a name of ours: functions, views,
# tables and their columns, settings. CHANGELOG.md names what is gone, too.
named_objects()
{
	grep -rohE '`[^`]+`' docs README.md CONTRIBUTING.md test/README.md monitoring/README.md |
		grep -oE '\b(cache_[a-z0-9_]+(\.[a-z0-9_]+)?|cachefront\.[a-z0-9_]+)' |
		grep -vxF "$(printf '%s\n' "${NOT_OURS[@]}")" | sort -u
}

existing_objects()
{
	settings
	objects | sed 's/.* //'
	view_columns | tr ' ' '.'
	sed -nE 's/^COMMENT ON COLUMN (.*) IS$/\1/p' sql/install/*.sql
}

while read -r name; do
	complain "there is no $name, which the manual names"
done < <(comm -23 <(named_objects) <(existing_objects | sort -u))

# Paths from the root, anywhere; links, from the document's own folder.
named_documents()
{
	local places=(README.md CONTRIBUTING.md CHANGELOG.md docs src test sql)

	grep -rIohE '\b(docs|src|test)/[A-Za-z_/.-]*[A-Za-z_]\.md\b' "${places[@]}"
	grep -roHE '\]\([A-Za-z_./-]+\.md' --include='*.md' "${places[@]}" |
		sed -E 's|/?[^/]*:\]\(|/|; s|^/||'
}

while read -r document; do
	[[ -e $document ]] || complain "there is no $document, which is named somewhere"
done < <(named_documents | sort -u)
if grep -rIlE '\bDESIGN(\.md| section)' src sql test/t test/specs test/perl test/model docs; then
	complain "these name a document that is not in the repository"
fi

if [[ -z $(protocol_rules) || -z $(model_rules) ]]; then
	complain "found no rules in docs/consistency.md or no cases in test/model/run.sh"
fi
if [[ -z $(settings) || -z $(objects) ]]; then
	complain "found no settings in src/base/guc.c or no objects in sql/install"
fi
exit $bad
