# A throw-away PostgreSQL cluster: no password on loopback, no waiting for the disk.

packages_postgres() {
  [ -n "$(postgres_programs)" ] || echo postgresql
}

# The folder of the newest server programs, nothing if there is none; Debian keeps them out of the PATH.
postgres_programs() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 | sed 's|/initdb$||'
}

install_postgres() { :; }

start_postgres() {
  local folder="$RUN/postgres" programs
  programs=$(postgres_programs)
  [ -n "$programs" ] || { echo "PostgreSQL is not installed" >&2; return 1; }
  rm -rf "$folder"
  mkdir -p "$folder"
  chown postgres "$folder"
  reserve_port
  # PostgreSQL refuses to run as root.
  local as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups --)
  (
    cd "$folder" || exit 1
    "${as_postgres[@]}" "$programs/initdb" -D data -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync
  ) >> "$RUN/logs/postgres.log" 2>&1
  # SIGINT is its "fast" shutdown.
  launch postgres INT "${as_postgres[@]}" "$programs/postgres" -D "$folder/data" -p "$port" -k "$folder" \
    -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    -c max_connections=200
  wait_until 60 postgres "$programs/psql" -h 127.0.0.1 -p "$port" -U postgres -c 'select 1' postgres
  publish POSTGRES_URL "postgres://postgres@127.0.0.1:$port/postgres"
}
