#!/usr/bin/env bash
# Asks questions in one session: ask.sh ws://HOST:PORT TOKEN SESSION QUESTION... Needs jq, and wscat (CLIENT=wscat) or websocat (CLIENT=websocat).
server=$1 token=$2 session=$3 position="" failures=0 number=0
shift 3
run="ask-$$-$RANDOM" fifo=$(mktemp -u)

connect() { # frames come on standard output, one a line, without the snapshot, which is all that may be large
  case ${CLIENT:-wscat} in
    wscat) ${WSCAT:-wscat} -s holdfast.v1.json -H "Authorization: Bearer $token" -c "$1" ;;
    websocat) websocat -B 33554432 --protocol holdfast.v1.json -H "Authorization: Bearer $token" "$1" ;;
  esac <"$fifo" 2>/dev/null | sed -u 's/^[<> ]*//; /^{"type":"snapshot"/d; /^{/!d'
}

while (($#)); do
  mkfifo "$fifo"
  exec {from}< <(connect "$server/ws/$session$position") {to}>"$fifo"
  rm "$fifo"
  live=
  # The server sends something at least every 15 s: after 40 s of silence the socket is dead.
  while (($#)) && IFS= read -r -t 40 -u "$from" line; do
    [[ $line =~ ^\{\"type\":\"([a-z_]+)\"(,\"seq\":([0-9]+))? ]]
    type=${BASH_REMATCH[1]} seq=${BASH_REMATCH[3]}
    case $type in
      ready) epoch=$(jq -r .epoch <<<"$line") ;;
      synced) live=1 ;;
      refused) [[ $line == *'"retryable":true'* ]] && break ;;&
      turn_complete | interrupted | error | refused)
        jq -r '.final_response // "(\(.type))"' <<<"$line"
        shift
        ((++number)) ;;
    esac
    [[ $live && $seq ]] && failures=0 position="?after=$seq&epoch=$epoch"
    if (($#)) && [[ $type =~ ^(synced|turn_complete|interrupted|error|refused)$ ]]; then # again after a cut: its id makes sure it is done once
      jq -nc --arg id "$run-$number" --arg text "$1" '{type: "user_input", $id, $text}' >&"$to" || break
    fi
  done
  exec {from}<&- {to}>&- # which ends the client
  (($#)) && sleep "$((RANDOM % (failures < 5 ? 1 << failures : 30))).$((RANDOM % 10))" && ((++failures))
done
exit 0
