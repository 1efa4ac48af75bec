#!/usr/bin/env bash
# A container engine for `sam local invoke` on a bare Debian machine, as root, where no container registry can
# be reached. The image is a stand-in for AWS's Python 3.11 x86_64 Lambda image: the machine's own CPython,
# awslambdaric and boto3. With an engine and a registry at hand you do not need this.
#
#   container_engine.sh CMD [ARGS...]   run CMD with DOCKER_HOST set; stop the engine afterwards
#
# Environment:
#   SAM_WORK   state directory (default /tmp/marla-sam-local); a second run reuses what is in it
#   PY         a CPython 3.11 (default: pyenv 3.11.*, else python3.11 on PATH)
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 CMD [ARGS...]" >&2; exit 2; }
WORK=${SAM_WORK:-/tmp/marla-sam-local}
BASE=public.ecr.aws/lambda/python:3.11-x86_64   # SAM derives python:3.11-rapid-x86_64 from this tag itself
mkdir -p "$WORK"; T0=$(date +%s.%N)
say() { printf '[container engine %6.1f s] %s\n' "$(echo "$(date +%s.%N) $T0" | awk '{print $1-$2}')" "$*" >&2; }
[ "$(id -u)" = 0 ] || { say "needs root"; exit 2; }

# ---- 0. the Python that matches the function's runtime ------------------------------------------
if [ -z "${PY:-}" ]; then
  PY=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.11.*/bin/python3.11 2>/dev/null | sort -V | tail -1 || true)
  PY=${PY:-$(command -v python3.11)}
fi
"$PY" -c 'import sys; assert sys.version_info[:2] == (3, 11), sys.version'

# ---- 1. engine -----------------------------------------------------------------------------------
need=""; command -v dockerd >/dev/null || need="docker.io"
if [ -n "$need" ]; then
  say "apt-get install $need"
  apt-get update -qq >"$WORK/apt.log" 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >>"$WORK/apt.log" 2>&1 \
    || { tail -20 "$WORK/apt.log" >&2; exit 3; }
fi

# ---- 2. a venv to install into the image with ------------------------------------------------------------
[ -x "$WORK/venv/bin/pip" ] || "$PY" -m venv "$WORK/venv"

# ---- 3. dockerd, private state, no change to the firewall or to ip_forward --------------------------
export DOCKER_HOST=unix://$WORK/docker.sock
HAD_DOCKER0=$(ls -d /sys/class/net/docker0 2>/dev/null || true); DPID=
stop() {
  rc=$?; trap - EXIT INT TERM
  if [ -n "$DPID" ]; then
    kill -TERM "$DPID" 2>/dev/null || true
    for _ in $(seq 80); do kill -0 "$DPID" 2>/dev/null || break; sleep .25; done
    kill -KILL "$DPID" 2>/dev/null || true
    umount "$WORK/exec/netns/default" 2>/dev/null || true
    [ -n "$HAD_DOCKER0" ] || ip link del docker0 2>/dev/null || true
    say "dockerd $DPID stopped"
  fi
  exit $rc
}
trap stop EXIT; trap 'exit 130' INT; trap 'exit 143' TERM
setsid dockerd --data-root "$WORK/data" --exec-root "$WORK/exec" --pidfile "$WORK/docker.pid" --host "$DOCKER_HOST" \
  --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$WORK/dockerd.log" 2>&1 </dev/null &
DPID=$!
for _ in $(seq 120); do docker version >/dev/null 2>&1 && break; kill -0 "$DPID" || { tail -20 "$WORK/dockerd.log" >&2; exit 5; }; sleep .25; done
docker version >/dev/null || { tail -20 "$WORK/dockerd.log" >&2; exit 5; }
say "dockerd $DPID up ($(docker info -f '{{.ServerVersion}} {{.Driver}} cgroup v{{.CgroupVersion}}' 2>/dev/null))"

# ---- 4. stand-in for AWS's Lambda base image ---------------------------------------------------------
if ! docker image inspect "$BASE" >/dev/null 2>&1; then
  say "building $BASE from $PY"
  R=$WORK/rootfs; rm -rf "$R"; mkdir -p "$R"
  # CPython prefix -> /var/lang, a few host tools, all their shared libraries
    PFX=$("$PY" -c 'import sys; print(sys.base_prefix)')
    mkdir -p "$R"/{var/lang,etc/ssl/certs,root,usr/bin,usr/lib,usr/lib64}
    ln -s usr/bin "$R/bin"; ln -s usr/lib "$R/lib"; ln -s usr/lib64 "$R/lib64"
    (cd "$PFX" && tar -c --exclude='site-packages/*' --exclude='config-3.11*' --exclude=lib/python3.11/test \
       --exclude=lib/python3.11/idlelib --exclude=lib/python3.11/tkinter --exclude='_tkinter*' --exclude=__pycache__ \
       bin/python3.11 lib/libpython3.11.so* lib/python3.11 2>/dev/null || true) | tar -x -C "$R/var/lang"
    [ -x "$R/var/lang/bin/python3.11" ] && [ -e "$R/var/lang/lib/python3.11/os.py" ]
    for t in sh mv cp rm mkdir chmod ls cat env; do cp -L "$(command -v $t)" "$R/usr/bin/$t"; done   # SAM's Dockerfile: RUN mv/chmod/cp/rm
    # resolved through ldd on the ORIGINALS, so rpaths work
    { for t in sh mv cp rm mkdir chmod ls cat env; do ldd "$(command -v $t)"; done
      ldd "$PFX/bin/python3.11"; for s in "$R"/var/lang/lib/python3.11/lib-dynload/*.so; do ldd "$PFX${s#"$R"/var/lang}"; done
    } 2>/dev/null | grep -oE '/[^ ]+' | grep -vF "$PFX" | sort -u >"$WORK/libs.txt"
    # what manylinux wheels may still name (awslambdaric's extension needs libpthread.so.0)
    for l in libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 libgcc_s.so.1; do
      echo "/lib/x86_64-linux-gnu/$l"; done >>"$WORK/libs.txt"; echo /usr/lib/x86_64-linux-gnu/libstdc++.so.6 >>"$WORK/libs.txt"
    while read -r l; do [ -e "$l" ] && { mkdir -p "$R$(dirname "$l")"; cp -L "$l" "$R$l"; }; done <"$WORK/libs.txt" || true
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$R/etc/passwd"; printf 'root:x:0:\n' >"$R/etc/group"
    cp -L /etc/ssl/certs/ca-certificates.crt "$R/etc/ssl/certs/" 2>/dev/null || true
    printf 'hosts: files dns\n' >"$R/etc/nsswitch.conf"
  for n in python3 python; do ln -sf python3.11 "$R/var/lang/bin/$n"; done
  mkdir -p "$R"/{var/task,var/rapid,var/runtime,opt,tmp,proc,sys,dev}; chmod 1777 "$R/tmp"
  say "pip install awslambdaric boto3 -> /var/runtime"
  "$WORK/venv/bin/pip" install -q --no-cache-dir --target "$R/var/runtime" --python-version 3.11 --implementation cp \
    --platform manylinux2014_x86_64 --only-binary :all: awslambdaric boto3 >"$WORK/ric.log" 2>&1 || { tail -20 "$WORK/ric.log" >&2; exit 7; }
  cat >"$R/var/runtime/bootstrap" <<'B'
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_python3.11 PYTHONPATH=/var/runtime${PYTHONPATH:+:$PYTHONPATH}
exec /var/lang/bin/python3.11 -m awslambdaric "${_HANDLER:-$AWS_LAMBDA_FUNCTION_HANDLER}"
B
  chmod 755 "$R/var/runtime/bootstrap"
  tar -C "$R" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists --exclude=./usr/share/doc -c . | docker import \
    --change 'ENV LANG=C.UTF-8 PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime' \
    --change 'WORKDIR /var/task' - "$BASE" >/dev/null
  rm -rf "$R"
  # the rapid image was built on an older base, if any
  docker image rm -f "${BASE/3.11-x86_64/3.11-rapid-x86_64}" >/dev/null 2>&1 || true
fi
docker run --rm --network none "$BASE" /var/lang/bin/python3.11 -c 'import sys,ssl,sqlite3,ctypes; sys.path.insert(0,"/var/runtime"); import awslambdaric, runtime_client, boto3' \
  || { docker image rm -f "$BASE" >/dev/null; say "the base image does not work"; exit 7; }
say "image ready: $(docker image inspect -f '{{.Size}}' "$BASE" | awk '{printf "%.0f MB", $1/1e6}')"

# ---- run -----------------------------------------------------------------------------------------------
export PATH="$(dirname "$PY"):$PATH"
say "run: $*"
"$@"
