# What the servers of the tests share. Sourced by tests/run and start.sh, which set:
#   RUN    fresh folder of this run: configuration, data, logs/, pids/, ports/, variables.d/
#   CACHE  folder that outlives runs: what pip, npm and cargo installed
#   SERVERS  this folder
# Each server is one file NAME.sh with three functions:
#   packages_NAME  prints the Debian packages that are missing
#   install_NAME   brings what Debian does not have (pip, npm) into $CACHE; nothing to do on a second run
#   start_NAME     starts it, waits until it answers, publishes the variables of the tests

# The packages among "$@" that are not installed, one a line.
missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || echo "$name"
  done
}

# Chooses a free port and leaves it in $port. The range lies below the kernel's own range for
# outgoing connections, so that only another server can take it before we use it (start.sh retries).
reserve_port() {
  local attempt
  for attempt in {1..200}; do
    port=$((20000 + RANDOM % 12000))
    mkdir "$RUN/ports/$port" 2>/dev/null || continue
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
  done
  echo "found no free port in 200 attempts" >&2
  return 1
}

# fill TEMPLATE TARGET NAME=VALUE...: copies a template and puts the values in place of @NAME@.
fill() {
  local template=$1 target=$2 pair script=''
  shift 2
  for pair in "$@"; do
    script+="s|@${pair%%=*}@|${pair#*=}|g;"
  done
  sed -e "$script" "$template" > "$target"
  if grep -n '@[A-Z_]\+@' "$target" >&2; then
    echo "$template: a placeholder got no value" >&2
    return 1
  fi
}

# The kernel's start time of a process: with the pid it names a process for certain.
birth_of() {
  sed -e 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

# True while the process that is recorded in the file $1 runs (a zombie does not).
is_running() {
  local pid birth signal
  read -r pid birth signal < "$1" || return 1
  [ "$(birth_of "$pid")" = "$birth" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null
}

# launch NAME SIGNAL COMMAND...: starts a server in the background, in a process group of its own.
# SIGNAL is the one that ends it in good order.
launch() {
  local name=$1 signal=$2
  shift 2
  setsid "$@" >> "$RUN/logs/$name.log" 2>&1 < /dev/null &
  echo "$! $(birth_of $!) $signal" > "$RUN/pids/$name"
}

# wait_until SECONDS NAME COMMAND...: polls until the command succeeds; gives up when the time is
# over or when the server NAME has ended.
wait_until() {
  local limit=$1 name=$2 end=$((SECONDS + $1))
  shift 2
  until "$@" > /dev/null 2>&1; do
    if ! is_running "$RUN/pids/$name"; then
      echo "$name ended before it answered" >&2
      return 1
    fi
    if [ "$SECONDS" -ge "$end" ]; then
      echo "$name did not answer within $limit s" >&2
      return 1
    fi
    sleep 0.1
  done
  is_running "$RUN/pids/$name"  # else it was another program that answered
}

# Succeeds when something listens on the loopback port $1.
listens() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1")
}

# publish NAME VALUE: sets GROUNDSWELL_TEST_NAME for the tests.
publish() {
  printf 'GROUNDSWELL_TEST_%s=%q\n' "$1" "$2" >> "$RUN/variables.d/$server"
}

# stop_processes FILE...: ends the recorded processes in good order, and after ten seconds by force.
stop_processes() {
  local file pid birth signal end=$((SECONDS + 10)) ours=()
  for file in "$@"; do
    if [ -e "$file" ] && is_running "$file"; then
      read -r pid birth signal < "$file"
      kill -s "$signal" "$pid" 2>/dev/null
      ours+=("$file")
    fi
  done
  for file in "${ours[@]}"; do
    while is_running "$file" && [ "$SECONDS" -lt "$end" ]; do sleep 0.1; done
    read -r pid birth signal < "$file"
    kill -s KILL -- "-$pid" 2>/dev/null  # what is left of its group
  done
  rm -f "$@"
}

# The interpreter of Debian where there is one: it has the modules of Debian's packages.
python() {
  if [ -x /usr/bin/python3 ]; then /usr/bin/python3 "$@"; else python3 "$@"; fi
}
