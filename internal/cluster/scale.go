package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
)

const (
	// counting is the service that counts jobs, and metricsPort where it does.
	counting    = "organizer"
	metricsPort = 9090
	// metric counts the songs that wait and those that a worker has: by those that wait alone, workers would be ended in the middle of one.
	// While workers take no song, it counts only those that they have.
	metric = "im2_queue_unseparated_jobs"
	// mostWorkers is how many workers there are at most where nobody says how many.
	mostWorkers = 8
	// kedaNamespace and monitoringNamespace are where those are who may ask for the count.
	kedaNamespace       = "keda"
	monitoringNamespace = "monitoring"
)

// scaled says that an autoscaler decides how many pods a service has.
func (r *renderer) scaled(s types.ServiceConfig) bool {
	return r.options.Autoscale != "" && s.Name == project.Worker
}

// counts has the organizer serve its counts, where they are asked for.
func (p *pod) counts() {
	if p.options.Autoscale == "" || p.service.Name != counting {
		return
	}
	p.container.Args = append(p.container.Args, "-metrics", fmt.Sprintf(":%d", metricsPort))
	p.container.Ports = append(p.container.Ports, corev1.ContainerPort{Name: "metrics", ContainerPort: metricsPort})
}

// ScaledObject is the part of KEDA's object of that name that is rendered.
type ScaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ScaledObjectSpec `json:"spec"`
}

// ScaledObjectSpec says what is scaled between which numbers, and by what.
type ScaledObjectSpec struct {
	ScaleTargetRef  map[string]string `json:"scaleTargetRef"`
	MinReplicaCount int32             `json:"minReplicaCount"`
	MaxReplicaCount int32             `json:"maxReplicaCount"`
	Triggers        []ScaleTrigger    `json:"triggers"`
}

// ScaleTrigger is one thing to scale by.
type ScaleTrigger struct {
	Type     string            `json:"type"`
	Metadata map[string]string `json:"metadata"`
}

// autoscale renders what scales the worker by the songs that need one, and who may ask how many.
func (r *renderer) autoscale() error {
	kind := r.options.Autoscale
	if kind == "" {
		return nil
	}
	services := r.project.Services()
	if !slices.Contains(Autoscalers, kind) {
		return exit.Errorf(exit.Unusable, "-autoscale=%s: it is %s", safetext.Line(kind), strings.Join(Autoscalers, " or "))
	}
	if !slices.Contains(services, project.Worker) || !slices.Contains(services, counting) {
		return exit.Errorf(exit.Unusable, "-autoscale=%s: %s has no services %s and %s: what is scaled, and what counts songs", kind, r.project.Name(), project.Worker, counting)
	}
	port := intstr.FromInt32(metricsPort)
	service := r.kubeService(counting+"-metrics", counting, []corev1.ServicePort{{Name: "metrics", Port: metricsPort, TargetPort: port}})
	service.Annotations = map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": port.String()}
	r.add(service)
	from := kedaNamespace
	if kind == "hpa" {
		from = monitoringNamespace
	}
	tcp := corev1.ProtocolTCP
	r.add(r.policy(counting+"-metrics", metav1.LabelSelector{MatchLabels: r.selects(counting)}, networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{{
			From:  []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: from}}}},
			Ports: []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &port}},
		}},
	}))
	most := int32(mostWorkers)
	if n, ok := r.options.Replicas[project.Worker]; ok {
		most = int32(n) //nolint:gosec // a number of pods that somebody typed
	}
	if kind == "hpa" {
		r.note(project.Worker, "scale", "the HorizontalPodAutoscaler needs %s as an external metric: a Prometheus in the namespace %s, and its adapter", metric, from)
		r.add(r.hpa(most))
		return nil
	}
	r.note(project.Worker, "scale", "the ScaledObject needs KEDA in the namespace %s", from)
	r.add(&ScaledObject{
		TypeMeta: metav1.TypeMeta{APIVersion: "keda.sh/v1alpha1", Kind: "ScaledObject"}, ObjectMeta: r.meta(project.Worker, project.Worker),
		Spec: ScaledObjectSpec{
			ScaleTargetRef: map[string]string{"name": project.Worker}, MinReplicaCount: 1, MaxReplicaCount: most,
			Triggers: []ScaleTrigger{{Type: "metrics-api", Metadata: map[string]string{
				"url": fmt.Sprintf("http://%s-metrics.%s.svc:%d/metrics", counting, r.namespace, metricsPort), "format": "prometheus", "valueLocation": metric, "targetValue": "1",
			}}},
		},
	})
	return nil
}

// hpa scales by the same number, by the means that Kubernetes has itself.
func (r *renderer) hpa(most int32) Object {
	one := int32(1)
	target := resource.MustParse("1")
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}, ObjectMeta: r.meta(project.Worker, project.Worker),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: project.Worker},
			MinReplicas:    &one, MaxReplicas: most,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: metric},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &target},
			}}},
		},
	}
}
