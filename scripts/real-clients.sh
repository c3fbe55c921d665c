#!/usr/bin/env bash
# Drives the unmodified Codex CLI and Claude Code through a Summit whose only member is the runner's scripted stub, in a
# network namespace that has only loopback. Usage: scripts/real-clients.sh PATH_TO_SUMMIT
# CLIENT_CONFORMANCE names the folder of the runner, which is kept outside this repository. Needs root, Node 20 or newer,
# and about 730 MB from the npm registry.
set -euo pipefail
cd "$(dirname "$0")/.."
summit=$(realpath "$1")
runner=${CLIENT_CONFORMANCE:-../shared/client-conformance}
if [ ! -f "$runner/real-clients.sh" ]; then
  echo "real clients: skipped: no runner at $runner (set CLIENT_CONFORMANCE)"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$runner" "$work/runner"
chmod -R u+w "$work/runner"
(cd "$work/runner" && npm install --no-audit --no-fund --loglevel=error &&
  npm install --no-save --no-audit --no-fund --loglevel=error @openai/codex @anthropic-ai/claude-code)
cat >"$work/config.yaml" <<YAML
listen: 127.0.0.1:8600
data_dir: $work/data
discover: {enabled: false}
members:
  sim-echo: {use: openai, base_url: "http://127.0.0.1:8931/v1", key_env: STUB_KEY, model: sim-echo, tools: true}
YAML
cat >"$work/inside.sh" <<'INSIDE'
set -u
ip link set lo up
cd "$1/runner"
PORT=8931 API_KEY=sk-stub MODEL=sim-echo node stub.mjs >"$1/stub.log" 2>&1 & stub=$!
STUB_KEY=sk-stub "$2" serve --config "$1/config.yaml" >"$1/summit.log" 2>&1 & served=$!
for _ in $(seq 200); do [ -s "$1/data/admin-key" ] && break; sleep 0.1; done
BASE_URL=http://127.0.0.1:8600 API_KEY=$(cat "$1/data/admin-key") MODEL=summit bash ./real-clients.sh
status=$?
[ $status = 0 ] || cat "$1/summit.log"
kill $stub $served
exit $status
INSIDE
timeout 300 unshare -n bash "$work/inside.sh" "$work" "$summit"
