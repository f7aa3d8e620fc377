#!/usr/bin/env bash
# Runs the centre and an agent that measures this very machine, until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/../.."

central=(bin/thongsuot-central)
agent=(bin/thongsuot-agent)
central_config=deploy/run/central.yaml
agent_config=deploy/run/agent.yaml
token=data/run/agent/token
pages=${THONGSUOT_CENTRAL_PAGES_LISTEN:-127.0.0.1:8080}
export THONGSUOT_AGENT_CENTRE_URL=${THONGSUOT_AGENT_CENTRE_URL:-http://${THONGSUOT_CENTRAL_INGEST_LISTEN:-127.0.0.1:8086}}

if (exec 3<>"/dev/tcp/${pages%:*}/${pages##*:}") 2>/dev/null; then
	echo "Something answers at http://$pages already, perhaps another \`make run\`: stop it first," >&2
	echo "or set THONGSUOT_CENTRAL_PAGES_LISTEN and THONGSUOT_CENTRAL_INGEST_LISTEN to other addresses." >&2
	exit 1
fi

mkdir -p data/run/agent
for log in central agent; do
	if [ -e "data/run/$log.log" ]; then mv -f "data/run/$log.log" "data/run/$log.log.1"; fi
done
"${central[@]}" check-config -config "$central_config" >/dev/null
[ -s "$token" ] || "${central[@]}" token -config "$central_config" -out "$token" may-nay

pids=()
stop() {
	trap - EXIT INT TERM
	# The agent first, so that its last words still arrive.
	for pid in "${pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}
trap stop EXIT
trap 'exit 0' INT TERM

# Each in a session of its own, or Ctrl-C would end both at once.
setsid "${central[@]}" run -config "$central_config" 2>data/run/central.log &
centre_pid=$!
pids=("$centre_pid")
for _ in $(seq 1 150); do
	if (exec 3<>"/dev/tcp/${pages%:*}/${pages##*:}") 2>/dev/null; then break; fi
	if ! kill -0 "$centre_pid" 2>/dev/null; then
		cat data/run/central.log >&2
		exit 1
	fi
	sleep 0.2
done

setsid "${agent[@]}" run -config "$agent_config" 2>data/run/agent.log &
agent_pid=$!
pids=("$agent_pid" "$centre_pid")
for _ in $(seq 1 50); do
	if grep -q 'agent measures' data/run/agent.log || ! kill -0 "$agent_pid" 2>/dev/null; then break; fi
	sleep 0.1
done

cat <<TXT

  http://$pages/site/may-nay     máy này (this machine, measured live)
  http://$pages/                 toàn tỉnh (the whole province)

  Từ máy khác / from another machine:  ssh -L ${pages##*:}:$pages USER@$(hostname)
  Nhật ký / logs:                       data/run/central.log, data/run/agent.log
  Dừng / stop:                          Ctrl-C

TXT
grep -h 'level=WARN\|level=ERROR' data/run/agent.log data/run/central.log 2>/dev/null || true

# The centre goes on without the agent: that is what a cut looks like.
while kill -0 "$centre_pid" 2>/dev/null; do
	wait -n "${pids[@]}" || true
	if [ ${#pids[@]} = 2 ] && ! kill -0 "$agent_pid" 2>/dev/null; then
		pids=("$centre_pid")
		echo "The agent has ended; the page will show its site as silent. To start it again:"
		echo "  THONGSUOT_AGENT_CENTRE_URL=$THONGSUOT_AGENT_CENTRE_URL ${agent[*]} run -config $agent_config"
	fi
done
tail -n 5 data/run/central.log >&2
exit 1
