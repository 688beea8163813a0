#!/usr/bin/env bash
# Prints sql/install/60_columns.sql: a COMMENT for each column that has a line in
# docs/monitoring.md, in the words that stand there. After a change of these:
#
#   test/column_comments.sh >sql/install/60_columns.sql
#
# test/check_docs.sh sees that the two agree.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

echo '-- What docs/monitoring.md says of each column. Written by test/column_comments.sh.'
sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g' docs/monitoring.md |
	awk '
		/^## / { table = ($2 ~ /^cache_/ ? $2 : ""); if (table != "") print "" }
		table != "" && /^\| `[a-z0-9_]+` \| / {
			split($0, cell, / \| /)
			column = cell[1]
			gsub(/[|` ]/, "", column)
			text = substr($0, length(cell[1]) + 4)
			sub(/ \|$/, "", text)
			gsub(/`/, "", text)
			gsub(/\047/, "\047\047", text)
			printf "COMMENT ON COLUMN %s.%s IS\n\047%s\047;\n", table, column, text
		}'
