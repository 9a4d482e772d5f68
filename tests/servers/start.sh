#!/bin/bash
# start.sh NAME: starts one server of the tests. Tries three times with fresh ports, because another
# program can take a port between our choice and its use. Writes its seconds to $RUN/seconds/NAME.
set -u
server=$1
. "$SERVERS/common.sh"
begin=${EPOCHREALTIME/[.,]/}

for _ in 1 2 3; do
  rm -f "$RUN/variables.d/$server"
  # A shell of its own: in the condition of an "if", "set -e" would not hold inside the function.
  server=$server bash -euo pipefail -c '. "$SERVERS/common.sh"; . "$SERVERS/$server.sh"; "start_$server"'
  if [ $? -eq 0 ]; then
    echo $((${EPOCHREALTIME/[.,]/} - begin)) > "$RUN/seconds/$server"
    exit 0
  fi
  stop_processes "$RUN/pids/$server"*
done
exit 1
