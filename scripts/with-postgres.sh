#!/usr/bin/env bash
# usage: with-postgres.sh COMMAND...: runs the command beside a PostgreSQL server of its own, which lies in a
# temporary folder, listens on a socket there alone and is gone afterwards. The command finds it in
# SUMMIT_TEST_POSTGRES. Needs PostgreSQL's own programs (Debian: postgresql).
set -euo pipefail
bin=${POSTGRES_BIN:-$(dirname "$(ls -1 /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || true)" 2>/dev/null | tail -1)" 2>/dev/null || true)}
[ -x "$bin/initdb" ] || { echo "with-postgres.sh: no initdb in /usr/lib/postgresql or the PATH: install postgresql, or name its folder in POSTGRES_BIN" >&2; exit 1; }
dir=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
  chown postgres "$dir" 2>/dev/null && as=(setpriv --reuid postgres --regid postgres --clear-groups) || { echo "with-postgres.sh: run by root, it needs a user named postgres" >&2; exit 1; }
fi
stop() { (cd / && "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1) || true; rm -rf "$dir"; }
trap stop EXIT
(
  cd /
  "${as[@]}" "$bin/initdb" -D "$dir/data" -U summit --auth=trust --encoding=UTF8 --locale=C >/dev/null
  "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "-c listen_addresses= -c unix_socket_directories='$dir' -c fsync=on" start >/dev/null
) || { cat "$dir/log" 2>/dev/null; exit 1; }
SUMMIT_TEST_POSTGRES="postgres://summit@/postgres?host=$dir" "$@"
