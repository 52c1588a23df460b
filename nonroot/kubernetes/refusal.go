package kubernetes

import (
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Refusal is one reason for which a namespace that enforces the restricted profile refuses a pod.
type Refusal struct {
	// Check is the name of the check in Kubernetes, such as "runAsNonRoot".
	Check string
	// Reason is what the API server says, Detail which containers and values it is about; Detail may be empty.
	Reason, Detail string
	// Baseline says that the baseline profile refuses the pod for it, too.
	Baseline bool
}

// String is the reason with the detail, as the API server writes them.
func (r Refusal) String() string {
	if r.Detail == "" {
		return r.Reason
	}
	return fmt.Sprintf("%s (%s)", r.Reason, r.Detail)
}

// Refusals asks Kubernetes' own admission library whether a namespace that enforces the restricted profile in its
// latest version takes a pod, and returns why not; nil where it does. meta may be that of a pod template.
func Refusals(meta *metav1.ObjectMeta, spec *corev1.PodSpec) []Refusal {
	weak := make(map[string]bool) // the checks that refuse it at baseline
	for _, result := range evaluator().EvaluatePod(latest(api.LevelBaseline), meta, spec) {
		check, _, _ := strings.Cut(result.ForbiddenReason, separator)
		weak[check] = !result.Allowed
	}
	var all []Refusal
	for _, result := range evaluator().EvaluatePod(latest(api.LevelRestricted), meta, spec) {
		if result.Allowed {
			continue
		}
		check, reason, _ := strings.Cut(result.ForbiddenReason, separator)
		r := Refusal{Check: check, Reason: reason, Detail: result.ForbiddenDetail}
		for _, id := range append(replaced()[check], check) {
			r.Baseline = r.Baseline || weak[id]
		}
		all = append(all, r)
	}
	return all
}

func latest(level api.Level) api.LevelVersion {
	return api.LevelVersion{Level: level, Version: api.LatestVersion()}
}

// separator is between the name of a check and the library's reason, which does not name it.
const separator = "\x00"

// evaluator is made when it is first needed: other commands do without.
var evaluator = sync.OnceValue(func() policy.Evaluator {
	checks := policy.DefaultChecks()
	for i := range checks {
		for j := range checks[i].Versions {
			id, ask := string(checks[i].ID), checks[i].Versions[j].CheckPod
			checks[i].Versions[j].CheckPod = func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
				result := ask(meta, spec)
				result.ForbiddenReason = id + separator + result.ForbiddenReason
				return result
			}
		}
	}
	e, err := policy.NewEvaluator(checks, nil)
	if err != nil {
		panic(err) //nolint:forbidigo // its own checks, which the library refuses only where they contradict one another
	}
	return e
})

// replaced has the checks of the baseline profile that a stricter one replaces in the restricted profile, by the stricter one.
var replaced = sync.OnceValue(func() map[string][]string {
	all := make(map[string][]string)
	for _, c := range policy.DefaultChecks() {
		for _, v := range c.Versions {
			for _, id := range v.OverrideCheckIDs {
				all[string(c.ID)] = append(all[string(c.ID)], string(id))
			}
		}
	}
	return all
})

// ComposeKey is the key of a Compose file from which package cluster renders what a check is about.
func ComposeKey(check string) string { return composeKeys[check] }

var composeKeys = map[string]string{
	"allowPrivilegeEscalation":   "security_opt",
	"appArmorProfile":            "security_opt",
	"capabilities_restricted":    "cap_add",
	"hostNamespaces":             "network_mode",
	"hostPorts":                  "ports",
	"hostProbesAndHostLifecycle": "healthcheck",
	"privileged":                 "privileged",
	"procMount_restricted":       "security_opt",
	"restrictedVolumes":          "volumes",
	"runAsNonRoot":               "user",
	"runAsUser":                  "user",
	"seLinuxOptions":             "security_opt",
	"seccompProfile_restricted":  "security_opt",
	"sysctls":                    "sysctls",
	"windowsHostProcess":         "isolation",
}
