# Versions of the tools that lint and test the code.
GOLANGCI_LINT_VERSION := v2.15.0
KUBE_SCORE_VERSION := v1.20.0
NODE_VERSION := 24.22.1
TELEGRAF_VERSION := v1.37.2
# Telegraf is built again when this changes, as it must with its plugins.
TELEGRAF_BUILD := 2
TELEGRAF_PLUGINS := inputs.cpu,inputs.disk,inputs.mem,inputs.modbus,inputs.mqtt_consumer,inputs.tail,outputs.influxdb,outputs.influxdb_v2,parsers.influx,parsers.json,parsers.value
KUBE_ROUTER_VERSION := v2.1.0
KUSTOMIZE_VERSIONS := v5.0.1 v5.5.0
