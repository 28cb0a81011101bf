// Modules of which only files are copied (config/crd), by `go mod download`: nothing is imported, so `go mod tidy`
// would empty this list. sigs.k8s.io/gateway-api 1.7 asks for Go 1.27, and so stays out until the other modules do too.
module controlplane/crds

go 1.26.0

require (
	github.com/kserve/kserve v0.19.0
	sigs.k8s.io/gateway-api v1.6.3
)
