#!/usr/bin/env bash
# `make sam-local`: builds both functions and runs each in a container with `sam local invoke`, on a real split
# and on the map output that it makes, against the S3 of the local cloud. Needs a container engine; on a bare
# machine scripts/container_engine.sh gives one.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" SAM_CLI_TELEMETRY=0

if [ "${1:-}" != inside ]; then
  if docker info >/dev/null 2>&1; then
    exec "$0" inside
  fi
  SKIP_PULL=--skip-pull-image exec ./scripts/container_engine.sh "$0" inside
fi

bucket=marla-sam-local
overrides=(--parameter-overrides Runtime=python3.11 Architecture=x86_64)
invoke=(sam local invoke "${overrides[@]}" ${SKIP_PULL:-})

marla local start
eval "$(marla local env)"
export JOB_BUCKET=$bucket
marla generate uservisits demo-data --size 16MB --files 8 --skip-existing >/dev/null
aws s3 mb "s3://$bucket" >/dev/null 2>&1 || aws s3 ls "s3://$bucket" >/dev/null
aws s3 cp --only-show-errors demo-data/uservisits-00000.csv "s3://$bucket/input/uservisits-00000.csv"

sam build "${overrides[@]}"

check() { # NAME: prints the answer; `sam local invoke` exits 0 even when the handler raises
  echo "$1: $(cat "$2")"
  if grep -q errorType "$2"; then exit 1; fi
}
# A container reaches this machine at its bridge's address, and the local cloud listens on loopback only.
bridge=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')
.venv/bin/python scripts/forward.py "$bridge" "${AWS_ENDPOINT_URL##*:}" &
forwarder=$!
answers=$(mktemp -d)
trap 'kill $forwarder; rm -rf "$answers"' EXIT
here=$AWS_ENDPOINT_URL
export AWS_ENDPOINT_URL="http://$bridge:${AWS_ENDPOINT_URL##*:}"
"${invoke[@]}" MapperFunction --event events/mapper.json >"$answers/mapper"
check MapperFunction "$answers/mapper"
"${invoke[@]}" ReducerFunction --event events/reducer.json >"$answers/reducer"
check ReducerFunction "$answers/reducer"
echo "The result of this one split:"
AWS_ENDPOINT_URL=$here aws s3 cp --only-show-errors "s3://$bucket/jobs/sam-local/stage-0/step-1/0/0" - | { head -3; cat >/dev/null; }
