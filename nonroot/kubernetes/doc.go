// Package kubernetes checks manifests of Kubernetes: whether a namespace that enforces the restricted profile of the Pod Security
// Standards would take their pods. It asks the library that the API server uses, so that no cluster is needed.
package kubernetes
