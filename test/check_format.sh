#!/usr/bin/env bash
# How the text of the repository looks:
# - no blanks at the end of a line, no CR, and a newline at the end of the file; what
#   PostgreSQL prints (expected outputs) and inputs of fuzzers are as they are;
# - C has at most 100 columns, a tab being four; but a string stays in one piece, so that one
#   can search for a message;
# - a file of src/ or test/ that is code has at most 800 lines;
# - shellcheck finds nothing that it warns of; without it, that is left out (skip).

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

COLUMNS_OF_C=100
LINES_OF_SOURCE=800
bad=0

complain()
{
	printf '%s\n' "$*"
	bad=1
}

# Without git's help, for it also runs in a copy.
texts()
{
	find ./*.md ./*.control Makefile .ci docs monitoring sql src test -type f \
		! -name '*.o' ! -name '*.so' ! -name '*.bc' ! -name '*.out' ! -name '*~' \
		! -path 'sql/cachefront--*' ! -path 'test/fuzz/corpus/*' ! -path '*/tmp_check/*'
}

named()
{
	local pattern

	for pattern in "$@"; do
		texts | grep -E "$pattern"
	done
}

mapfile -t all < <(texts)
mapfile -t c < <(named '\.[ch]$')
mapfile -t shell < <(named '\.sh$' '^\.ci/run$')
mapfile -t source < <(named '^src/.*\.[ch]$' '^test/.*\.(pl|pm|c|h|sh|pml|py)$')

if grep -nE "[[:blank:]]+$|"$'\r' -- "${all[@]}"; then
	complain '    blanks at the end of a line, or CR'
fi
for file in "${all[@]}"; do
	if [[ -n $(tail -c 1 -- "$file") ]]; then complain "$file: no newline at its end"; fi
done

long=$(awk -v most=$COLUMNS_OF_C '
	# To where a line comes, with a tab stop each four columns.
	function columns(line,    n, before) {
		while ((n = index(line, "\t")) > 0) {
			before = substr(line, 1, n - 1)
			line = before substr("    ", 1, 4 - (n - 1) % 4) substr(line, n + 1)
		}
		return length(line)
	}
	!/"/ && length > most / 2 && columns($0) > most {
		printf "%s:%d: %d columns\n", FILENAME, FNR, columns($0)
	}' "${c[@]}")
if [[ -n $long ]]; then complain "$long"; fi

while read -r lines file; do
	if [[ $file != total ]] && ((lines > LINES_OF_SOURCE)); then
		complain "$file: $lines lines, more than $LINES_OF_SOURCE"
	fi
done < <(wc -l -- "${source[@]}")

# Fetched to CF_TOOLS, or installed.
shellcheck=$(PATH=${CF_TOOLS:+$CF_TOOLS/usr/bin:}$PATH command -v shellcheck)
if [[ -n $shellcheck ]] && "$shellcheck" --version >/dev/null 2>&1; then
	"$shellcheck" --severity=warning --external-sources -- "${shell[@]}" || bad=1
else
	echo 'skip: shellcheck is not here'
fi

if ((${#c[@]} == 0 || ${#shell[@]} == 0)); then
	complain 'found no sources'
fi
exit $bad
