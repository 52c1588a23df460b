package cluster

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
)

// security sets the user and takes all rights. What the Compose file asks for beyond that is rendered as it is: the admission library
// says whether it is refused. A share gets no fsGroup: with one, the kubelet gives every file of it to that group, again
// for each pod that starts.
func (p *pod) security() {
	no, yes := false, true
	pod := &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	pod.RunAsUser, pod.RunAsGroup = p.user()
	pod.SupplementalGroups = p.groups()
	for _, name := range sortedKeys(p.service.Sysctls) {
		pod.Sysctls = append(pod.Sysctls, corev1.Sysctl{Name: name, Value: p.service.Sysctls[name]})
	}
	container := &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		ReadOnlyRootFilesystem:   &p.service.ReadOnly,
	}
	for _, c := range p.service.CapAdd {
		container.Capabilities.Add = append(container.Capabilities.Add, corev1.Capability(strings.TrimPrefix(strings.ToUpper(c), "CAP_")))
	}
	if p.service.Privileged {
		container.Privileged, container.AllowPrivilegeEscalation = &yes, nil
	}
	for _, o := range p.service.SecurityOpt {
		p.option(pod, strings.Replace(o, "=", ":", 1))
	}
	p.spec.SecurityContext, p.container.SecurityContext = pod, container
	p.spec.HostPID = p.service.Pid == "host"
	p.spec.HostIPC = p.service.Ipc == "host"
	p.spec.HostNetwork = p.service.NetworkMode == "host"
}

// option is one of security_opt.
func (p *pod) option(pod *corev1.PodSecurityContext, option string) {
	name, value, _ := strings.Cut(option, ":")
	switch {
	case name == "no-new-privileges" && value != "false":
	case name == "seccomp" && value == "unconfined":
		pod.SeccompProfile.Type = corev1.SeccompProfileTypeUnconfined
	case name == "apparmor" && value == "unconfined":
		pod.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	case name == "seccomp", name == "apparmor":
		p.note(p.service.Name, "security_opt", "it gets the runtime's own %s profile: one of this machine is not on the nodes", name)
	default:
		p.note(p.service.Name, "security_opt", "%s has no meaning for a pod", safetext.Quoted(option))
	}
}

// user is the UID and GID that the service runs as; nil where that is not known, which is refused.
func (p *pod) user() (uid, gid *int64) {
	spec, why := p.service.User, "user:"
	verdict, known := p.options.Verdicts[p.service.Name]
	if known {
		spec, why = verdict.User, verdict.Why
	}
	user, group, _ := strings.Cut(spec, ":")
	n, err := strconv.ParseInt(user, 10, 64)
	fix := `write user: "UID:GID" with numbers, such as "1000:1000"`
	switch {
	case err != nil || n < 0:
		p.refuse(p.service.Name, "user", fix, "it is not known which UID the service runs as (%s), and Kubernetes does not start it as a name", safetext.Line(orNothing(why))).Checks = []string{"runAsUser"}
		return nil, nil
	case n == 0 || known && verdict.Outcome != nonroot.NonRoot:
		p.refuse(p.service.Name, "user", fix, "the service starts as root (%s)", safetext.Line(orNothing(why))).Checks = []string{"runAsUser"}
	}
	if g, err := strconv.ParseInt(group, 10, 64); err == nil {
		gid = &g
	} else {
		p.note(p.service.Name, "user", "its group is the one that the image has for UID %d", n)
	}
	return &n, gid
}

// orNothing is what is said of a user that nothing is known of.
func orNothing(why string) string {
	if why == "" || why == "user:" {
		return "no number in user: or the image"
	}
	return why
}

// groups are the numbers of group_add.
func (p *pod) groups() []int64 {
	var all []int64
	for _, g := range p.service.GroupAdd {
		n, err := strconv.ParseInt(g, 10, 64)
		if err != nil {
			p.refuse(p.service.Name, "group_add", "write the group's number", "Kubernetes takes no names, and what group %s is only the image knows", safetext.Quoted(g))
			continue
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
