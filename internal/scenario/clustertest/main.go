// Command clustertest runs a Kubernetes cluster on this machine until it is told to end: etcd, API server, controllers,
// scheduler, a registry, and nodes with containerd and kubelet, each in namespaces of its own. Nothing of it has an
// address outside of them except two ports on loopback. It takes root. Where its programs are missing, it builds them.
//
//	clustertest [-checkout FOLDER] [-nodes N]
//
// It prints variables when the nodes are ready, one on each line: KUBECONFIG for an administrator, OUTSIDER for
// somebody without any right, KUBECTL, REGISTRY, and LOGS for the folder of all logs. Then it obeys lines on its
// standard input and answers each with "ok" or an error: "cut N" takes node N off the network and stops its
// pods, as a file server that they cannot reach would, "heal N" puts it back. It
// ends with the input or with a signal, and removes all that it made.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	checkout := flag.String("checkout", ".", "build the programs from this checkout")
	nodes := flag.Int("nodes", 2, "how many nodes")
	flag.Parse()
	err := serve(ctx, *checkout, *nodes, os.Stdin, os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}
