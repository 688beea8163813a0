#!/usr/bin/env bash
# The freshness checker against a private server: make soak
#
#   test/soak/soak.sh [SECONDS [CHECKER-OPTION...]]      default: 600 seconds
#
# CF_FLAVOUR picks the build (release); CF_FAULT=NAME builds one with a planted
# fault instead, -DCF_FAULT_NAME. The last line says what was found; the status
# is 0 if that is nothing.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh

SECONDS_TO_RUN=${1:-600}
if (($#)); then shift; fi
FLAVOUR=${CF_FLAVOUR:-release}
FAULT=${CF_FAULT:-}
PORT=5831
if [[ -n $FAULT ]]; then
	FLAVOUR=fault-$FAULT
	cf_flavour_flags()
	{
		CF_MAKE=("CF_CPPFLAGS=-DCF_FAULT_$FAULT" with_llvm=no "PG_CONFIG=$PG_CONFIG")
	}
fi

cf_install_packages "${CF_PACKAGES[@]}" libpq-dev
cf_setup
if ! cf_private_tree "$CF_BUILD/$FLAVOUR" "$FLAVOUR"; then
	tail -n 20 "$CF_BUILD/$FLAVOUR/build.log" >&2
	exit 2
fi
SOCKETS=$(cf_socket_dir)
DATA=$CF_BUILD/soak-$$
trap 'cf_server_stop "$DATA"; rm -rf "$DATA" "$SOCKETS"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$DATA"
if ((EUID == 0)); then chown "$CF_USER" "$DATA"; fi

gcc -std=gnu11 -O2 -Wall -Wextra -Werror -I"$("$PG_CONFIG" --includedir)" -o "$SOCKETS/checker" \
	test/soak/*.c -L"$("$PG_CONFIG" --libdir)" -lpq -lpthread || exit 2
cf_server_init "$DATA" "$CF_TREE_BIN" &&
	cf_server_start "$DATA" "$CF_TREE_BIN" "$SOCKETS" "$PORT" -c max_connections=200 \
		-c deadlock_timeout=20ms -c max_wal_size=2GB || exit 2
PSQL=("$CF_TREE_BIN/psql" -X -q -h "$SOCKETS" -p "$PORT" -U postgres -d postgres
	-v ON_ERROR_STOP=1)
"${PSQL[@]}" -c 'CREATE EXTENSION cachefront' &&
	"${PSQL[@]}" -o /dev/null -v keys=120 -v rows=16 -v groups=8 -f test/soak/schema.sql || exit 2

"$SOCKETS/checker" --host "$SOCKETS" --port "$PORT" --seconds "$SECONDS_TO_RUN" "$@"
status=$?
if grep -nE 'PANIC:|TRAP:|terminated by signal|WARNING:.* leak' "$DATA/server.log"; then
	status=1
fi
exit $status
