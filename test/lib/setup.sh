# shellcheck shell=bash disable=SC2034
# What 'make test', 'make demo' and 'make bench' share: packages, the user that
# runs servers, out-of-tree builds, private PostgreSQL trees, private servers,
# of Redis too.
#
# Source it from bash; it only defines functions and CF_ variables. Order of use:
#
#   cf_install_packages "${CF_PACKAGES[@]}" ...  needs root only if one is missing
#   cf_setup                                   sets the variables below
#   cf_fetch_program PACKAGE PROGRAM           what a test can do without
#   cf_fetch_package PACKAGE                   the same, of more than one file
#   cf_private_tree "$CF_BUILD/release" release        builds and installs there
#   cf_server_init  DATADIR BINDIR
#   cf_server_start DATADIR BINDIR SOCKETDIR PORT [-o 'name=value']...
#   cf_server_stop  DATADIR
#   cf_redis_start DIR SOCKET, cf_redis_pid DIR, cf_redis_stop DIR
#
# CF_ROOT      the source tree
# CF_PACKAGES  the Debian packages that a build and a server take
# CF_BUILD     everything generated: CF_ROOT/build, or a folder under /var/tmp
#              where the server's user cannot reach that
# CF_USER      who runs the servers; cf_as CMD... runs a command as that user
# CF_PGMAJOR   PostgreSQL's major, as PG_CONFIG has it
# CF_PGVER     its version line; a change of it renews trees and builds
# CF_TREE_BIN  set by cf_private_tree: the binaries of that tree

CF_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PG_CONFIG=${PG_CONFIG:-pg_config}

# The major that PG_CONFIG belongs to; before anything is installed, 15.
cf_pg_major()
{
	local major

	major=$("$PG_CONFIG" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
	echo "${major:-15}"
}

# What it takes to build the extension and to run a server with it.
CF_PGMAJOR=$(cf_pg_major)
CF_PACKAGES=("postgresql-$CF_PGMAJOR" "postgresql-server-dev-$CF_PGMAJOR" gcc libc6-dev
	make pkg-config libhiredis-dev libssl-dev libzstd-dev liblz4-dev)
CF_PRELOAD=cachefront
CF_AS=()

# A foreign library path breaks links, foreign PG settings redirect clients,
# and a strict umask hides the build from the server's user.
unset LIBRARY_PATH PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD \
	PGPASSFILE PGOPTIONS PGSERVICE PGSERVICEFILE PGDATA PGCLIENTENCODING \
	PGAPPNAME PGSSLMODE PGTZ PGDATESTYLE
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CDPATH
umask 022

# Servers get their encoding and messages from the locale, and times from the zone:
# a small Debian has none, and others have any. This one is always there.
# By LANG, for PostgreSQL::Test forgets LC_ALL.
unset LANGUAGE LC_ALL LC_CTYPE LC_COLLATE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME
export LANG=C.UTF-8 TZ=UTC

cf_say()
{
	printf '%s\n' "$*"
}

cf_die()
{
	printf '%s\n' "$*" >&2
	exit 1
}

# ---- packages ---------------------------------------------------------------

cf_package_missing()
{
	[[ $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) != 'install ok installed' ]]
}

# Installs what is missing of the Debian packages named.
cf_install_packages()
{
	local pkg missing=() log

	if ! command -v dpkg-query >/dev/null; then
		cf_say "not a Debian system: assuming that these are installed: $*"
		return
	fi
	for pkg in "$@"; do
		if cf_package_missing "$pkg"; then missing+=("$pkg"); fi
	done
	if ((${#missing[@]} == 0)); then return; fi
	if ((EUID != 0)); then
		cf_die "These packages are missing; install them as root, then try again:
    apt-get install ${missing[*]}"
	fi

	# Without this file, installing the server also creates and starts one.
	if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' \
			> /etc/postgresql-common/createcluster.conf
	fi
	cf_say "installing ${missing[*]} (this can take some minutes) ..."
	log=$(mktemp /tmp/cf-apt.XXXXXX)
	if ! cf_apt update >"$log" 2>&1 ||
		! cf_unstarted cf_apt install -y --no-install-recommends "${missing[@]}" \
			>>"$log" 2>&1
	then
		tail -n 30 "$log" >&2
		rm -f "$log"
		cf_die "could not install ${missing[*]}"
	fi
	rm -f "$log"
}

# Runs a command, such as the installation of redis-server, that would also
# start services: this file forbids it.
cf_unstarted()
{
	local policy=/usr/sbin/policy-rc.d

	if [[ -e $policy ]]; then
		"$@"
		return
	fi
	(
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		"$@"
	)
}

# cf_fetch_program PACKAGE PROGRAM: has PROGRAM in CF_BUILD/tools/usr/bin, unless it is
# installed. Only that file is taken out of the package: nothing is installed, so no
# service starts, now or when the machine does. Returns false where that does not work,
# and says nothing: who needs the program skips a test.
cf_fetch_program()
{
	local package=$1 program=$2 tools=$CF_BUILD/tools new

	if command -v "$program" >/dev/null || [[ -x $tools/usr/bin/$program ]]; then return; fi
	if ! command -v apt-get >/dev/null; then return 1; fi
	if ((EUID == 0)) && [[ -z $(apt-cache show "$package" 2>/dev/null) ]]; then
		cf_apt update >/dev/null 2>&1
	fi
	mkdir -p "$tools"
	new=$(mktemp -d "$tools/new.XXXXXX") || return
	(
		trap 'rm -rf "$new"' EXIT
		cd "$new" && cf_apt download "$package" && dpkg-deb -x ./*.deb . &&
			chmod -R a+rX "$tools" && mkdir -p "$tools/usr/bin" &&
			mv "usr/bin/$program" "$tools/usr/bin/"
	) >/dev/null 2>&1
}

# cf_fetch_package PACKAGE: has all that is in the package below CF_BUILD/tools/packages.
# Nothing is installed or started here either; returns false where that does not work.
cf_fetch_package()
{
	local package=$1 all=$CF_BUILD/tools/packages new

	if [[ -d $all/$package ]]; then return; fi
	if ! command -v apt-get >/dev/null; then return 1; fi
	if ((EUID == 0)) && [[ -z $(apt-cache show "$package" 2>/dev/null) ]]; then
		cf_apt update >/dev/null 2>&1
	fi
	mkdir -p "$all"
	new=$(mktemp -d "$CF_BUILD/tools/new.XXXXXX") || return
	(
		trap 'rm -rf "$new"' EXIT
		cd "$new" && cf_apt download "$package" && dpkg-deb -x ./*.deb . &&
			rm -- *.deb && chmod -R a+rX . && mv "$new" "$all/$package"
	) >/dev/null 2>&1
}

cf_apt()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
		-o Acquire::Retries=3 -o Dpkg::Options::=--force-confold "$@" </dev/null
}

# ---- who and where ----------------------------------------------------------

# PostgreSQL refuses to run as root: there, the packaged user does it.
cf_pick_user()
{
	if ((EUID == 0)); then
		CF_USER=postgres
		getent passwd "$CF_USER" >/dev/null ||
			cf_die "there is no user $CF_USER to run the server; install postgresql first"
		CF_AS=(runuser -u "$CF_USER" --)
	else
		CF_USER=$(id -un)
		CF_AS=()
	fi
}

cf_as()
{
	# /tmp, because the caller's folder or home may be closed to that user.
	(cd /tmp && HOME=/tmp exec "${CF_AS[@]}" "$@")
}

# A folder is of use if we can write into it and the server's user can enter it.
cf_usable()
{
	mkdir -p "$1" 2>/dev/null && [[ -w $1 ]] && cf_as test -x "$1"
}

cf_pick_build()
{
	local sum

	CF_BUILD=$CF_ROOT/build
	if cf_usable "$CF_BUILD"; then return; fi
	sum=$(printf '%s' "$CF_ROOT" | cksum | cut -d' ' -f1)
	CF_BUILD=/var/tmp/cachefront-$EUID-$sum
	# The name can be guessed: somebody else may have made it before us.
	if ! cf_usable "$CF_BUILD" || [[ -L $CF_BUILD || ! -O $CF_BUILD ]]; then
		cf_die "cannot use $CF_BUILD: not a folder of ours"
	fi
	cf_say "user $CF_USER cannot use $CF_ROOT/build: building in $CF_BUILD"
}

cf_setup()
{
	command -v "$PG_CONFIG" >/dev/null || cf_die "could not find $PG_CONFIG"
	CF_PGVER=$("$PG_CONFIG" --version)
	cf_pick_user
	cf_pick_build
}

# ---- builds -----------------------------------------------------------------

# Makes folder $1 a copy of the source. Only files whose content differs are
# written, so that make rebuilds what changed and nothing else; files that went
# away in the source go away in the copy; what make generated stays.
cf_sync_source()
{
	local to=$1 list file

	mkdir -p "$to"
	list=$(cd "$CF_ROOT" && cf_source_files)
	while IFS= read -r file; do
		if ! cmp -s "$CF_ROOT/$file" "$to/$file"; then
			mkdir -p "$to/${file%/*}"
			cp -- "$CF_ROOT/$file" "$to/$file"
		fi
	done <<<"$list"
	comm -13 <(sort <<<"$list") <(cd "$to" && cf_source_files | sort) |
		(cd "$to" && xargs -r -d '\n' rm -f --)
	# No object of a source that is gone, or it would be linked in.
	(cd "$to" && find src -name '*.o' | while IFS= read -r file; do
		if [[ ! -e ${file%.o}.c ]]; then rm -f -- "$file" ./*.so; fi
	done)
	chmod -R a+rX -- "$to"
}

cf_source_files()
{
	find ./Makefile ./*.control docs monitoring src sql expected test -type f \
		! -name '*.o' ! -name '*.so' ! -name '*.bc' ! -name '*~' \
		! -path 'sql/cachefront--*' ! -path '*/tmp_check/*' 2>/dev/null || true
}

# Compiler settings of a flavour:
#   release  as a user builds it
#   debug    wait points and the test clock compiled in
#   ubsan    debug, and undefined behaviour stops the server with SIGILL
#   fault-NAME[-NAME...]  release with planted faults: see src/base/fault.h
#   debug-fault-NAME...   the same of debug
cf_flavour_flags()
{
	local faults=${1#*fault-}

	case $1 in
		release) CF_MAKE=() ;;
		debug) CF_MAKE=(CF_CPPFLAGS=-DCF_DEBUG) ;;
		ubsan) CF_MAKE=(CF_CPPFLAGS=-DCF_DEBUG
			"CF_CFLAGS=-fsanitize=undefined -fsanitize-undefined-trap-on-error -fno-wrapv") ;;
		fault-*) CF_MAKE=("CF_CPPFLAGS=-DCF_FAULT_${faults//-/ -DCF_FAULT_}") ;;
		debug-fault-*) CF_MAKE=("CF_CPPFLAGS=-DCF_DEBUG -DCF_FAULT_${faults//-/ -DCF_FAULT_}") ;;
		*) cf_die "no such flavour: $1" ;;
	esac
	CF_MAKE+=(with_llvm=no "PG_CONFIG=$PG_CONFIG")
}

# Builds a flavour in CF_BUILD/FLAVOUR/src-tree; the compiler's output goes to
# CF_BUILD/FLAVOUR/build.log.
cf_build()
{
	local flavour=$1 dir=$CF_BUILD/$1 stamp

	mkdir -p "$dir"
	cf_flavour_flags "$flavour"
	# Objects know whether a compression was there when they were compiled.
	stamp="$CF_PGVER / ${CF_MAKE[*]} / $(pkg-config --modversion libzstd liblz4 2>&1 | tr '\n' ' ')"
	(
		flock 9
		cf_sync_source "$dir/src-tree"
		if [[ $(cat "$dir/build.stamp" 2>/dev/null) != "$stamp" ]]; then
			find "$dir/src-tree" \( -name '*.o' -o -name '*.so' \) -delete
		fi
		make -C "$dir/src-tree" -j"$(nproc)" "${CF_MAKE[@]}" all \
			>"$dir/build.log" 2>&1 9>&- || exit 1
		printf '%s\n' "$stamp" >"$dir/build.stamp"
	) 9>"$dir/lock"
}

# ---- private installation tree ----------------------------------------------

# Fills folder $2 with symbolic links to what is in $1, but for our own files.
cf_link_farm()
{
	local entry entries=()

	for entry in "$1"/*; do
		case ${entry##*/} in
			cachefront | cachefront.* | cachefront--*) ;;
			*) entries+=("$entry") ;;
		esac
	done
	mkdir -p "$2"
	ln -s -t "$2" -- "${entries[@]}"
}

# Makes DIR a PostgreSQL installation of its own that holds the FLAVOUR of the
# extension, so that the system's installation is never touched. PostgreSQL
# finds its folders relative to its own binary: so the binaries are copies, at
# the same path below DIR, and all else can be links.
cf_private_tree()
{
	local dir=$1 flavour=$2 bin lib share stamp

	cf_build "$flavour" || return 1
	bin=$("$PG_CONFIG" --bindir)
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	CF_TREE_BIN=$dir$bin
	stamp="$CF_PGVER / $flavour"
	mkdir -p "$dir"
	(
		flock 9
		if [[ $(cat "$dir/tree.stamp" 2>/dev/null) != "$stamp" ]]; then
			rm -rf "${dir:?}/usr" "${dir:?}$bin" "${dir:?}$lib" "${dir:?}$share"
			mkdir -p "$dir$bin"
			cp -L "$bin"/* "$dir$bin"
			cf_link_farm "$lib" "$dir$lib"
			cf_link_farm "$share" "$dir$share"
			rm "$dir$share/extension"
			cf_link_farm "$share/extension" "$dir$share/extension"
			printf '%s\n' "$stamp" >"$dir/tree.stamp"
		fi
		cf_flavour_flags "$flavour"
		make -C "$CF_BUILD/$flavour/src-tree" "${CF_MAKE[@]}" install \
			DESTDIR="$dir" >"$dir/install.log" 2>&1 9>&-
	) 9>"$dir/tree.lock"
}

# cf_add_package DIR PACKAGE: links an extension of a package that cf_fetch_package has
# into such an installation.
cf_add_package()
{
	local dir=$1 from=$CF_BUILD/tools/packages/$2 lib share

	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	if [[ -d $from$lib ]]; then
		ln -sft "$dir$lib" -- "$from$lib"/*.so || return
	fi
	if [[ -d $from$share/extension ]]; then
		ln -sft "$dir$share/extension" -- "$from$share/extension"/* || return
	fi
	# What the installation of the package would link.
	if [[ -e $from$share/extension/postgis-3.control ]]; then
		ln -sf "$from$share/extension/postgis-3.control" "$dir$share/extension/postgis.control"
	fi
}

# ---- private servers --------------------------------------------------------

# A short folder for sockets: their paths are limited to about 100 bytes.
cf_socket_dir()
{
	cf_as mktemp -d /tmp/cf.XXXXXX
}

cf_server_init()
{
	local data=$1 bin=$2 output

	if ! output=$(cf_as "$bin/initdb" -D "$data" -U postgres -A trust -N \
		-E UTF8 --no-locale 2>&1)
	then
		printf '%s\n' "$output" >&2
		return 1
	fi
}

# Starts a server on a unix socket only. What follows the four arguments is
# passed on to postgres, such as: -c work_mem=64MB
cf_server_start()
{
	local data=$1 bin=$2 sockets=$3 port=$4 arg opts=

	shift 4
	for arg in -c "shared_preload_libraries=$CF_PRELOAD" -c listen_addresses= \
		-c "unix_socket_directories=$sockets" -c "port=$port" -c fsync=off "$@"
	do
		opts+=" $(printf '%q' "$arg")"
	done
	cf_as "$bin/pg_ctl" -s -w -t 300 -D "$data" -l "$data/server.log" -o "$opts" \
		start >/dev/null 2>&1 9>&- || {
		tail -n 30 "$data/server.log" >&2
		return 1
	}
}

# True while the server of a data folder runs. Its pid is trusted only if that
# process works in that very folder: pids are used again.
cf_server_pid()
{
	local pid

	pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || return 1
	[[ -n $pid && /proc/$pid/cwd -ef $1 ]] && echo "$pid"
}

cf_server_stop()
{
	local data=$1 pid signal

	pid=$(cf_server_pid "$data") || return 0
	for signal in INT QUIT; do
		kill -"$signal" "$pid" 2>/dev/null || return 0
		for _ in {1..600}; do
			cf_server_pid "$data" >/dev/null || return 0
			sleep 0.1
		done
	done
	kill -KILL "$pid"
}

# Stops every server, also of Redis, whose data folder lies below a folder.
cf_server_stop_below()
{
	local file

	while IFS= read -r file; do
		case $file in
			*/redis.pid) cf_redis_stop "${file%/*}" ;;
			*) cf_server_stop "${file%/*}" ;;
		esac
	done < <(find "$1" \( -name postmaster.pid -o -name redis.pid \) 2>/dev/null)
}

# ---- private servers of Redis -------------------------------------------------

# Starts one that listens on a unix socket only, and saves nothing by itself; a
# dump that lies in its folder is read.
cf_redis_start()
{
	local dir=$1 socket=$2

	cf_as mkdir -p "$dir"
	cf_as redis-server --port 0 --unixsocket "$socket" --unixsocketperm 700 \
		--dir "$dir" --pidfile "$dir/redis.pid" --logfile "$dir/log" \
		--save '' --appendonly no --daemonize yes >/dev/null 9>&-
	for _ in {1..3000}; do
		if [[ $(redis-cli -s "$socket" PING 2>/dev/null) == PONG ]]; then return; fi
		sleep 0.05
	done
	tail -n 20 "$dir/log" >&2
	return 1
}

# As cf_server_pid.
cf_redis_pid()
{
	local pid

	pid=$(cat "$1/redis.pid" 2>/dev/null) || return 1
	[[ -n $pid && /proc/$pid/cwd -ef $1 ]] && echo "$pid"
}

# At once, as a crash: nothing is saved, no client is told.
cf_redis_stop()
{
	local pid

	pid=$(cf_redis_pid "$1") || return 0
	kill -KILL "$pid" 2>/dev/null
	for _ in {1..200}; do
		cf_redis_pid "$1" >/dev/null || return 0
		sleep 0.02
	done
}
