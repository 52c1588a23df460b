package cluster

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// network renders a policy that forbids the project's pods everything, and those that allow what Compose's networks do: services on one reach one another by
// name, and the outside unless the network is internal; published ports are reached by everybody.
func (r *renderer) network() {
	ours := metav1.LabelSelector{MatchLabels: map[string]string{LabelProject: r.namespace}}
	r.add(r.policy("deny-all", ours, networkingv1.NetworkPolicySpec{}))
	for _, network := range sortedKeys(r.project.Compose.Networks) {
		var members []string
		for _, name := range r.project.Services() {
			if s := r.project.Compose.Services[name]; r.connected(s, network) {
				members = append(members, name)
			}
		}
		if len(members) > 0 {
			r.oneNetwork(network, members)
		}
	}
	for _, name := range r.project.Services() {
		s := r.project.Compose.Services[name]
		if r.hasPeer(s) {
			r.add(r.kubeService(Name(name), name, nil))
		}
		r.published(s)
	}
}

// connected says that a service is on a network.
func (r *renderer) connected(s types.ServiceConfig, network string) bool {
	_, on := s.Networks[network]
	return on && s.NetworkMode == ""
}

// hasPeer says that another service can reach a service by its name.
func (r *renderer) hasPeer(s types.ServiceConfig) bool {
	for network := range s.Networks {
		for _, other := range r.project.Services() {
			if other != s.Name && r.connected(s, network) && r.connected(r.project.Compose.Services[other], network) {
				return true
			}
		}
	}
	return false
}

func (r *renderer) policy(name string, pods metav1.LabelSelector, spec networkingv1.NetworkPolicySpec) *networkingv1.NetworkPolicy {
	spec.PodSelector = pods
	if spec.PolicyTypes == nil {
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}, ObjectMeta: r.meta(name, ""), Spec: spec,
	}
}

// members selects the pods of services.
func (r *renderer) members(services []string) metav1.LabelSelector {
	var names []string
	for _, s := range services {
		names = append(names, Name(s))
	}
	return metav1.LabelSelector{
		MatchLabels:      map[string]string{LabelProject: r.namespace},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: LabelService, Operator: metav1.LabelSelectorOpIn, Values: names}},
	}
}

// masquerade is the option of a network that lets the outside answer its containers.
const masquerade = "com.docker.network.bridge.enable_ip_masquerade"

func (r *renderer) oneNetwork(network string, members []string) {
	pods := r.members(members)
	peers := []networkingv1.NetworkPolicyPeer{{PodSelector: &pods}}
	egress := []networkingv1.NetworkPolicyEgressRule{{To: peers}, dns()}
	if n := r.project.Compose.Networks[network]; !n.Internal && n.DriverOpts[masquerade] != "false" {
		egress = []networkingv1.NetworkPolicyEgressRule{{}}
	}
	r.add(r.policy("network-"+Name(network), pods, networkingv1.NetworkPolicySpec{
		Ingress: []networkingv1.NetworkPolicyIngressRule{{From: peers}}, Egress: egress,
	}))
	for _, name := range members {
		n := r.project.Compose.Services[name].Networks[network]
		if n == nil {
			continue
		}
		if len(n.Aliases) > 0 {
			r.note(name, "networks."+network+".aliases", "others reach it by its own name alone")
		}
		if n.Ipv4Address+n.Ipv6Address != "" {
			r.note(name, "networks."+network, "pods get their addresses from the cluster")
		}
	}
}

// dns lets pods ask the cluster's DNS, without which no name is found.
func dns() networkingv1.NetworkPolicyEgressRule {
	rule := networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "kube-system"}},
	}}}
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		port := intstr.FromInt32(53)
		rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &port})
	}
	return rule
}

// kubeService is a Service for a service's pods: without ports, one by which its name is found, and every port reached.
func (r *renderer) kubeService(name, service string, ports []corev1.ServicePort) *corev1.Service {
	s := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: r.meta(name, service),
		Spec: corev1.ServiceSpec{Selector: r.selects(service), Ports: ports},
	}
	if len(ports) == 0 {
		s.Spec.ClusterIP = corev1.ClusterIPNone
	}
	return s
}

// published renders the Service of published ports, and who may reach them.
func (r *renderer) published(s types.ServiceConfig) {
	if s.NetworkMode == "none" || len(s.Ports) == 0 {
		return
	}
	var ports []corev1.ServicePort
	var open []networkingv1.NetworkPolicyPort
	for i, p := range s.Ports {
		protocol := corev1.Protocol(strings.ToUpper(p.Protocol))
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		if p.Target == 0 || p.Target > math.MaxUint16 {
			continue
		}
		target := intstr.FromInt32(int32(p.Target))
		number := target.IntVal
		if n, err := strconv.ParseUint(p.Published, 10, 16); err == nil && n > 0 { // not where any port is good, or one of several
			number = int32(n)
		}
		port := corev1.ServicePort{Name: fmt.Sprintf("p%d-%s", number, strings.ToLower(string(protocol))), Protocol: protocol, Port: number, TargetPort: target}
		if slices.ContainsFunc(ports, func(o corev1.ServicePort) bool { return o.Name == port.Name }) {
			continue // published at several addresses
		}
		ports = append(ports, port)
		if ip, err := netip.ParseAddr(p.HostIP); err == nil && ip.IsLoopback() {
			r.note(s.Name, fmt.Sprintf("ports.%d", i), "kubectl -n %s port-forward service/%s-published %d alone reaches it, since it is published on this machine alone", r.namespace, Name(s.Name), number)
			continue
		}
		open = append(open, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &target})
	}
	if len(ports) == 0 {
		return
	}
	r.add(r.kubeService(Name(s.Name)+"-published", s.Name, ports))
	if len(open) > 0 {
		r.note(s.Name, "ports", "the Service %s-published is reached from inside the cluster: from outside through an Ingress or a Gateway of the cluster", Name(s.Name))
		r.add(r.policy("published-"+Name(s.Name), metav1.LabelSelector{MatchLabels: r.selects(s.Name)}, networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: open}},
		}))
	}
}
