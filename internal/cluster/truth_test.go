package cluster_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/nonroot/kubernetes"
)

// read decodes what was rendered with the types of the API: a field that they do not have is an error.
func read(t *testing.T, r cluster.Rendered) (all []any) {
	t.Helper()
	text, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var head struct{ Kind string }
		if err := yaml.Unmarshal(document, &head); err != nil {
			t.Fatal(err)
		}
		known := map[string]any{
			"Namespace": &corev1.Namespace{}, "NetworkPolicy": &networkingv1.NetworkPolicy{}, "PersistentVolumeClaim": &corev1.PersistentVolumeClaim{},
			"PersistentVolume": &corev1.PersistentVolume{}, "ConfigMap": &corev1.ConfigMap{}, "Service": &corev1.Service{}, "Deployment": &appsv1.Deployment{},
			"HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscaler{}, "ScaledObject": &cluster.ScaledObject{},
		}[head.Kind]
		if known == nil {
			t.Fatalf("kind %q is not expected", head.Kind)
		}
		if err := yaml.UnmarshalStrict(document, known); err != nil {
			t.Errorf("%s: %v\n%s", head.Kind, err, document)
		}
		all = append(all, known)
	}
	return all
}

// deployment returns the one of a service.
func deployment(t *testing.T, r cluster.Rendered, service string) *appsv1.Deployment {
	t.Helper()
	for _, o := range read(t, r) {
		if d, ok := o.(*appsv1.Deployment); ok && d.Name == service {
			return d
		}
	}
	t.Fatalf("no Deployment %s", service)
	return nil
}

// What the library refuses is refused when it is rendered, with the key that it is from; what is not refused, the library takes.
func TestTheAdmissionLibraryAgrees(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	for service, want := range map[string][]string{ // the refused keys, and the library's checks
		`image: x`:                    {"user"},
		`image: x, user: "1000:1000"`: nil,
		`image: x, user: "1000"`:      nil,
		`image: x, user: root`:        {"user", "runAsUser"},
		`image: x, user: "0:0"`:       {"user", "runAsUser"},
		`image: x, user: somebody`:    {"user"},
		`image: x, user: "1:1", read_only: true, cap_drop: [ALL], tmpfs: [/tmp], init: true, pids_limit: 9`: nil,
		`image: x, user: "1:1", privileged: true`:                                                           {"privileged", "allowPrivilegeEscalation", "privileged"},
		`image: x, user: "1:1", pid: host`:                                                                  {"pid", "hostNamespaces"},
		`image: x, user: "1:1", ipc: host`:                                                                  {"ipc", "hostNamespaces"},
		`image: x, user: "1:1", network_mode: host`:                                                         {"network_mode", "hostNamespaces"},
		`image: x, user: "1:1", uts: host`:                                                                  {"uts"},
		`image: x, user: "1:1", userns_mode: host`:                                                          {"userns_mode"},
		`image: x, user: "1:1", cap_add: [NET_BIND_SERVICE]`:                                                nil,
		`image: x, user: "1:1", cap_add: [CAP_SYS_ADMIN]`:                                                   {"cap_add", "capabilities_restricted"},
		`image: x, user: "1:1", cap_add: [ALL]`:                                                             {"cap_add", "capabilities_restricted"},
		`image: x, user: "1:1", security_opt: ["no-new-privileges:true"]`:                                   nil,
		`image: x, user: "1:1", security_opt: ["seccomp=unconfined"]`:                                       {"security_opt", "seccompProfile_restricted"},
		`image: x, user: "1:1", security_opt: ["apparmor:unconfined"]`:                                      {"security_opt", "appArmorProfile"},
		`image: x, user: "1:1", sysctls: {net.ipv4.tcp_syncookies: "1"}`:                                    nil,
		`image: x, user: "1:1", sysctls: {kernel.msgmax: "65536"}`:                                          {"sysctls", "sysctls"},
		`image: x, user: "1:1", volumes: ["/etc:/etc:ro"]`:                                                  {"volumes.0", "restrictedVolumes"},
		`image: x, user: "1:1", volumes: ["/var/run/docker.sock:/var/run/docker.sock"]`:                     {"volumes.0", "restrictedVolumes"},
		`image: x, user: "1:1", volumes: ["./data:/data", "/anonymous"]`:                                    nil,
		`image: x, user: "1:1", volumes: ["../outside:/data"]`:                                              {"volumes.0", "restrictedVolumes"},
		`image: x, user: "1:1", devices: ["/dev/snd:/dev/snd"]`:                                             {"devices"},
		`image: x, user: "1:1", group_add: ["4"]`:                                                           nil,
		`image: x, user: "1:1", group_add: [audio]`:                                                         {"group_add"},
		`image: x, user: "1:1", ports: ["80:80"]`:                                                           nil,
		`image: x, user: "1:1", healthcheck: {test: [CMD, "true"]}`:                                         nil,
		`image: x, user: "1:1", use_api_socket: true`:                                                       {"use_api_socket"},
		`image: x, user: "1:1", deploy: {mode: global}`:                                                     {"deploy.mode"},
		`image: x, user: "1:1", gpus: all`:                                                                  nil,
		`image: x, user: "1:1", x-im2: {gpu: true}`:                                                         nil,
		`image: x, user: "1:1", x-im2: {cpu: true}`:                                                         {"x-im2"},
		`image: x, user: "1:1", pre_stop: [{command: [a]}]`:                                                 {"pre_stop"},
		`image: x, user: "1:1", deploy: {resources: {reservations: {devices: [{capabilities: [tpu]}]}}}`:    {"deploy.resources.reservations.devices"},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			r, err := render(t, "services: {web: {"+service+"}}")
			if err != nil {
				t.Fatal(err)
			}
			template := deployment(t, r, "web").Spec.Template
			var checks []string
			for _, refusal := range kubernetes.Refusals(&template.ObjectMeta, &template.Spec) {
				checks = append(checks, refusal.Check)
			}
			slices.Sort(checks)
			var key []string
			for _, n := range r.Refused() {
				key = append(key, strings.TrimPrefix(n.Key, "services.web."))
				if n.Line == 0 || n.Fix == "" || n.Text == "" {
					t.Errorf("%+v says too little", n)
				}
			}
			if want == nil {
				want = []string{""}
			}
			if strings.Join(key, " ") != want[0] || !slices.Equal(checks, want[1:]) && len(checks)+len(want[1:]) > 0 {
				t.Errorf("refused are %q, and the library's checks %q; want %q", key, checks, want)
			}
			if (r.Err() == nil) != (want[0] == "") {
				t.Errorf("the error is %v", r.Err())
			}
		})
	}
}
