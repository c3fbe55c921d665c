#!/usr/bin/env bash
# Runs unmodified public client libraries (openai, @anthropic-ai/sdk, ai, @ai-sdk/openai-compatible from npm) against a Summit whose only
# member is the runner's scripted stub. Usage: scripts/conformance.sh PATH_TO_SUMMIT
# CLIENT_CONFORMANCE names the folder of the runner, which is kept outside this repository; without it nothing runs.
# CHECKS is a regular expression of check ids; MODELS the model names to check.
set -euo pipefail
cd "$(dirname "$0")/.."
summit=$(realpath "$1")
runner=${CLIENT_CONFORMANCE:-../shared/client-conformance}
checks=${CHECKS:-^S}
models=${MODELS:-sim-echo summit}
if [ ! -f "$runner/run.mjs" ]; then
  echo "conformance: skipped: no runner at $runner (set CLIENT_CONFORMANCE)"
  exit 0
fi
command -v npm >/dev/null || { echo "conformance: npm is missing, want Node 20 or newer" >&2; exit 1; }

work=$(mktemp -d)
pids=()
cleanup() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

cp -r "$runner" "$work/runner"
chmod -R u+w "$work/runner"
(cd "$work/runner" && npm install --no-audit --no-fund --loglevel=error)

free_port() { node -e 's=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
wait_for() { # url, seconds
  for _ in $(seq $(($2 * 10))); do curl -fsS -o /dev/null "$1" 2>/dev/null && return 0; sleep 0.1; done
  echo "conformance: $1 did not answer within $2 s" >&2
  return 1
}
stub_port=$(free_port)
port=$(free_port)
(cd "$work/runner" && PORT=$stub_port API_KEY=sk-stub MODEL=sim-echo exec node stub.mjs) >"$work/stub.log" 2>&1 &
pids+=($!)
cat >"$work/config.yaml" <<YAML
listen: 127.0.0.1:$port
data_dir: $work/data
discover: {enabled: false}
members:
  sim-echo: {use: openai, base_url: "http://127.0.0.1:$stub_port/v1", key_env: STUB_KEY, model: sim-echo, tools: true}
YAML
STUB_KEY=sk-stub "$summit" serve --config "$work/config.yaml" >"$work/summit.log" 2>&1 &
pids+=($!)
wait_for "http://127.0.0.1:$stub_port/healthz" 20
wait_for "http://127.0.0.1:$port/readyz" 20 || { cat "$work/summit.log" >&2; exit 1; }
key=$(cat "$work/data/admin-key")
status=0
for model in $models; do
  echo "conformance: model $model"
  (cd "$work/runner" && BASE_URL="http://127.0.0.1:$port" API_KEY="$key" MODEL="$model" EMBED_MODEL=sim-echo ONLY="$checks" npm run --silent check) || status=1
done
exit $status
