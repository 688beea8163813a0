#!/usr/bin/env bash
# No file of src/ calls one that calls it back, over others neither: then each can be read, and
# tested, by itself. Who calls whom is asked of the objects, so a name in a comment or a header
# does not count. Files that are one subject in pieces may; SUBJECTS names them.
#
# Usage: test/check_circles.sh [LIBRARY], in whose folder the objects are

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

# The subject, and its files.
SUBJECTS=(
	# To make room for an entry is to unlink another.
	'entries l1/memory l1/table'
	# What functions read is seen by hooks of the server and by those of PL/pgSQL, of one load.
	'watch load/watch load/watch_plpgsql'
	# Each step of a connection may fail it, and to open one takes all of them.
	'connection redis/address redis/conn redis/exchange redis/handshake redis/plain redis/tls'
	# A plain statement: its answer goes from file to file as it is looked for, run and kept.
	'statement statement/again statement/answer statement/board statement/keep
		statement/known statement/mark statement/node statement/remote statement/wrap'
)

library=${1:-}
for candidate in build/release/src-tree/cachefront.so cachefront.so; do
	if [[ -z $library && -e $candidate ]]; then library=$candidate; fi
done
folder=${library%/*}
if [[ $folder == "$library" ]]; then folder=.; fi
mapfile -t objects < <(find "$folder/src" -name '*.o' | sort)
if ((${#objects[@]} < 100)); then
	echo "found no objects in $folder/src; build them first"
	exit 1
fi

# Pairs "caller callee" as tsort takes them, each subject as one.
calls()
{
	nm -A "${objects[@]}" | awk -v subjects="$(printf '%s;' "${SUBJECTS[@]}")" '
		BEGIN {
			for (n = split(subjects, subject, ";"); n > 0; n--)
				for (k = split(subject[n], word, " "); k > 1; k--)
					subject_of[word[k]] = word[1]
		}
		{
			file = $1
			sub(/:.*/, "", file)
			sub(/.*\/src\//, "", file)
			sub(/\.o$/, "", file)
			name = file in subject_of ? "(" subject_of[file] ")" : file
			if ($(NF - 1) == "U") called[name " " $NF] = 1
			else if ($(NF - 1) ~ /^[TDBRC]$/) home[$NF] = name
			seen[file] = 1
		}
		END {
			for (file in subject_of)
				if (!(file in seen)) print "gone: " file > "/dev/stderr"
			for (call in called) {
				split(call, part, " ")
				if (part[2] in home && home[part[2]] != part[1]) print part[1], home[part[2]]
			}
		}'
}

pairs=$(calls 2>&1 | sort -u)
if grep '^gone: ' <<<"$pairs"; then
	echo '    is in SUBJECTS, and has no object'
	exit 1
fi
if ! circle=$(LC_ALL=C tsort <<<"$pairs" 2>&1 >/dev/null); then
	printf 'files of src/ call each other in a circle:\n%s\n' "$(sed '1d; s/^tsort: /    /' <<<"$circle")"
	exit 1
fi
