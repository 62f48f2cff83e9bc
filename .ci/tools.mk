# Versions of the tools that lint and test the code.
GOLANGCI_LINT_VERSION := v2.15.0
KUBE_SCORE_VERSION := v1.20.0
TELEGRAF_VERSION := v1.37.2
KUBE_ROUTER_VERSION := v2.1.0
