// A module of which only the CRDs are copied, by `go mod download`: nothing is imported.
module controlplane/monitoring

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
