# A centre and a sensor on this machine, in one folder. Sourced by script/run, script/bench and the journeys.
#
#   house=FOLDER                     where everything lies (configuration, data, logs)
#   house_organisation, house_system names (default: local, this-machine)
#   house_link_port, house_console_port
#   house_bin                        folder of the programs
#
# Functions print nothing but errors; programs' output goes to $house/*.log. house_stop stops in reverse order of starting.

: "${house_root:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
: "${house_bin:=$house_root/build/release/bin}"
: "${house_organisation:=local}" "${house_system:=this-machine}"
: "${house_link_port:=8444}" "${house_console_port:=8443}"
: "${house_user:=hinomi-sensor}"
house_pids=()

house_free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Whether the sensor can run here: root, and a kernel that loads BPF with types.
house_can_observe() { [ "$(id -u)" = 0 ] && [ -r /sys/kernel/btf/vmlinux ]; }

house_configure() {
  mkdir -p "$house"
  if [ ! -e "$house/hinomi.yaml" ]; then
    cat >"$house/hinomi.yaml" <<END
# Settings that differ from the defaults; all of them: packaging/hinomi.yaml
name: hinomi.local
data: centre
rules: $house_root/rules
organisations: [$house_organisation]
server_names: [localhost, 127.0.0.1, "::1"]
link:
  address: 127.0.0.1:$house_link_port
  url: https://localhost:$house_link_port
console:
  address: 127.0.0.1:$house_console_port
  url: https://localhost:$house_console_port
  web: $house_root/web/dist
END
  fi
  if [ ! -e "$house/sensor.yaml" ]; then
    cat >"$house/sensor.yaml" <<END
# Settings that differ from the defaults; all of them: packaging/sensor.yaml
data: sensor
user: $house_user
END
    sed "s/^organisation: .*/organisation: $house_organisation/" "$house_root/packaging/manifest.yaml" >"$house/manifest.yaml"
  fi
}

house_hinomi() { "$house_bin/hinomi" "$@" --config "$house/hinomi.yaml"; }
house_sensor() { "$house_bin/hinomi-sensor" "$@" --config "$house/sensor.yaml"; }

# house_await SECONDS COMMAND…: until the command succeeds.
house_await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "error: not within time: $*" >&2; return 1; }
    sleep 0.2
  done
}

# house_start_centre [ARGUMENT…]: output to $house/centre.log unless house_centre_output is set to another file.
house_start_centre() {
  "$house_bin/hinomi" serve --config "$house/hinomi.yaml" "$@" >"${house_centre_output:-$house/centre.log}" 2>"$house/centre.err" &
  house_centre_pid=$!
  house_pids+=("$house_centre_pid")
  house_await 60 house_hinomi status || { cat "$house/centre.log" "$house/centre.err" >&2; return 1; }
}

house_make_user() {
  [ "$(id -u)" = 0 ] || return 0
  id "$house_user" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$house_user"
}

# Enrols the local sensor; the token goes from one program to the other by a pipe.
house_enrol() {
  [ ! -e "$house/sensor/link/enrolment.json" ] || return 0
  house_make_user
  house_hinomi enrol-token "$house_organisation" "$house_system" | house_sensor enrol >"$house/enrol.log" 2>&1 ||
    { cat "$house/enrol.log" >&2; return 1; }
  house_sensor manifest sign "$house/manifest.yaml" >>"$house/enrol.log" 2>&1 || { cat "$house/enrol.log" >&2; return 1; }
}

house_start_sensor() {
  "$house_bin/hinomi-probe" --config "$house/sensor.yaml" >"$house/probe.log" 2>&1 &
  house_probe_pid=$!
  house_pids+=("$house_probe_pid")
  "$house_bin/hinomi-sensor" run --config "$house/sensor.yaml" >"$house/uplink.log" 2>&1 &
  house_uplink_pid=$!
  house_pids+=("$house_uplink_pid")
}

house_stop() {
  local i
  for ((i = ${#house_pids[@]} - 1; i >= 0; i--)); do
    kill -TERM "${house_pids[$i]}" 2>/dev/null
    wait "${house_pids[$i]}" 2>/dev/null
  done
  house_pids=()
}
