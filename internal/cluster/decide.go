package cluster

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// fate is what becomes of a key of a service.
type fate int

const (
	// rendered keys are in the manifests; other functions may say more of some values.
	rendered fate = iota
	// moot keys have no meaning there, and nothing is lost.
	moot
	// nested keys are decided key by key.
	nested
	// noted keys are lost, and a note says so.
	noted
	// refused keys would change what the service does, or what it may.
	refused
)

// decision is the fate of one key.
type decision struct {
	fate fate
	// as is the field of Kubernetes for a rendered key, the note for a noted one, and why for a refused one.
	as string
	// fix is what to do about a refused one.
	fix string
}

// decisions are those for all keys of a service. docs/cluster.md lists them.
var decisions = map[string]decision{
	"annotations":                          {noted, "annotations of containers are not rendered", ""},
	"attach":                               {moot, "", ""},
	"blkio_config":                         {noted, "a pod has no limits for disks", ""},
	"build":                                {moot, "images are pushed before", ""},
	"cap_add":                              {rendered, "securityContext.capabilities.add; restricted takes only NET_BIND_SERVICE", ""},
	"cap_drop":                             {rendered, "always ALL", ""},
	"cgroup":                               {noted, "the cgroup namespace is always the pod's own", ""},
	"cgroup_parent":                        {noted, "the kubelet chooses the cgroup", ""},
	"command":                              {rendered, "args", ""},
	"configs":                              {rendered, "a ConfigMap, by name; one with content is rendered", ""},
	"container_name":                       {noted, "pods have names of their own", ""},
	"cpu_count":                            {noted, "only cpus is a limit of a pod", ""},
	"cpu_percent":                          {noted, "only cpus is a limit of a pod", ""},
	"cpu_period":                           {noted, "only cpus is a limit of a pod", ""},
	"cpu_quota":                            {noted, "only cpus is a limit of a pod", ""},
	"cpu_rt_period":                        {noted, "a pod has no real-time limits", ""},
	"cpu_rt_runtime":                       {noted, "a pod has no real-time limits", ""},
	"cpu_shares":                           {noted, "reserve deploy.resources.reservations.cpus instead", ""},
	"cpus":                                 {rendered, "resources.limits.cpu", ""},
	"cpuset":                               {noted, "the kubelet chooses the processors", ""},
	"credential_spec":                      {refused, "it is for Windows", "remove it"},
	"depends_on":                           {noted, "services start in any order: one that needs another has to wait for it", ""},
	"deploy":                               {nested, "", ""},
	"deploy.endpoint_mode":                 {moot, "", ""},
	"deploy.labels":                        {moot, "", ""},
	"deploy.mode":                          {rendered, "replicated; others are refused", ""},
	"deploy.placement":                     {noted, "the scheduler chooses nodes by the resources alone", ""},
	"deploy.replicas":                      {rendered, "replicas", ""},
	"deploy.resources":                     {rendered, "resources", ""},
	"deploy.restart_policy":                {noted, "a Deployment always starts a container again that ended", ""},
	"deploy.rollback_config":               {noted, "kubectl rollout undo goes back, when somebody types it", ""},
	"deploy.update_config":                 {rendered, "strategy.rollingUpdate, by order and parallelism", ""},
	"develop":                              {moot, "", ""},
	"device_cgroup_rules":                  {refused, "a pod has no devices of its node without being privileged", "remove it"},
	"devices":                              {refused, "a pod has no devices of its node without being privileged", "remove it, or reserve a GPU under deploy.resources.reservations.devices"},
	"dns":                                  {noted, "pods ask the cluster's DNS", ""},
	"dns_opt":                              {noted, "pods ask the cluster's DNS", ""},
	"dns_search":                           {noted, "pods ask the cluster's DNS", ""},
	"dockerfile":                           {moot, "", ""},
	"domainname":                           {noted, "the cluster has its own domain", ""},
	"entrypoint":                           {rendered, "command", ""},
	"env_file":                             {rendered, "env, with the values that Compose reads", ""},
	"environment":                          {rendered, "env", ""},
	"expose":                               {moot, "services on a network reach all ports of one another", ""},
	"extends":                              {moot, "", ""},
	"external_links":                       {refused, "a pod has no way to containers of Compose", "remove it"},
	"extra_hosts":                          {rendered, "hostAliases", ""},
	"gpus":                                 {rendered, "resources.limits nvidia.com/gpu", ""},
	"group_add":                            {rendered, "securityContext.supplementalGroups; numbers only", ""},
	"healthcheck":                          {rendered, "readinessProbe; a pod that fails it is not ready, and not ended", ""},
	"hostname":                             {rendered, "hostname", ""},
	"image":                                {rendered, "image", ""},
	"init":                                 {noted, "a pod has no init process: a service that starts others has to wait for them itself", ""},
	"ipc":                                  {rendered, "private; host and others are refused", ""},
	"isolation":                            {refused, "it is for Windows", "remove it"},
	"label_file":                           {moot, "", ""},
	"labels":                               {moot, "labels for tools that read them from the engine", ""},
	"links":                                {noted, "services on a network know one another by their own names alone", ""},
	"log_driver":                           {moot, "the kubelet keeps the logs", ""},
	"log_opt":                              {moot, "the kubelet keeps the logs", ""},
	"logging":                              {moot, "the kubelet keeps the logs", ""},
	"mac_address":                          {noted, "the cluster's network gives addresses", ""},
	"mem_limit":                            {rendered, "resources.limits.memory", ""},
	"mem_reservation":                      {rendered, "resources.requests.memory", ""},
	"mem_swappiness":                       {noted, "the nodes decide about swap", ""},
	"memswap_limit":                        {noted, "the nodes decide about swap", ""},
	"models":                               {refused, "Docker Model Runner serves models, and is not in the cluster", "remove it"},
	"name":                                 {rendered, "metadata.name", ""},
	"net":                                  {moot, "", ""},
	"network_mode":                         {rendered, "none has no way out or in; host and that of others is refused", ""},
	"networks":                             {rendered, "a NetworkPolicy for each network, and a headless Service for each service on it", ""},
	"oom_kill_disable":                     {noted, "the kernel ends what is over its limit", ""},
	"oom_score_adj":                        {noted, "the kubelet sets it by requests and limits", ""},
	"pid":                                  {rendered, "the pod's own; host and that of others is refused", ""},
	"pids_limit":                           {noted, "a pod cannot limit its processes: the kubelet's podPidsLimit does, for all", ""},
	"platform":                             {rendered, "nodeSelector kubernetes.io/os and kubernetes.io/arch", ""},
	"ports":                                {rendered, "a Service NAME-published", ""},
	"post_start":                           {refused, "Kubernetes ends the container if such a command fails, and starts it before the service is there", "do it in the service"},
	"pre_start":                            {refused, "it is not rendered", "do it in the service"},
	"pre_stop":                             {refused, "it is not rendered", "do it when the service gets its stop signal"},
	"privileged":                           {refused, "the restricted profile forbids it", "remove it, and name what it is for: a group, a folder of the project"},
	"profiles":                             {rendered, "only services of enabled profiles", ""},
	"provider":                             {refused, "a program of this machine provides it", "start it in the cluster by its own means"},
	"pull_policy":                          {moot, "images have digests", ""},
	"pull_refresh_after":                   {moot, "", ""},
	"read_only":                            {rendered, "securityContext.readOnlyRootFilesystem", ""},
	"restart":                              {rendered, "always; others are noted", ""},
	"runtime":                              {noted, "the nodes' default runtime is used", ""},
	"scale":                                {rendered, "replicas", ""},
	"secrets":                              {rendered, "a Secret, by name", ""},
	"security_opt":                         {rendered, "securityContext; always no-new-privileges", ""},
	"shm_size":                             {rendered, "an emptyDir in memory at /dev/shm", ""},
	"stdin_open":                           {rendered, "stdin", ""},
	"stop_grace_period":                    {rendered, "terminationGracePeriodSeconds, 10 by default", ""},
	"stop_signal":                          {noted, "a pod's containers get the signal of their image, SIGTERM by default", ""},
	"storage_opt":                          {noted, "a container's own files are limited by ephemeral-storage alone", ""},
	"sysctls":                              {rendered, "securityContext.sysctls; the safe ones only", ""},
	"tmpfs":                                {rendered, "an emptyDir in memory with a sizeLimit", ""},
	"tty":                                  {rendered, "tty", ""},
	"ulimits":                              {noted, "the node's container runtime sets them", ""},
	"umask":                                {noted, "the image's own counts", ""},
	"use_api_socket":                       {refused, "no pod may have an engine's socket", "remove it"},
	"user":                                 {rendered, "securityContext.runAsUser and runAsGroup, otherwise those of the image; numbers only", ""},
	"userns_mode":                          {refused, "the pod's own user namespace is the cluster's choice", "remove it"},
	"uts":                                  {refused, "the restricted profile forbids namespaces of the node", "remove it"},
	"volume_driver":                        {noted, "the storage class decides", ""},
	"volumes":                              {rendered, "one PersistentVolumeClaim for all that share a folder or volume, subPath, readOnly", ""},
	"volumes_from":                         {refused, "it is not rendered", "mount the volume in both services"},
	"working_dir":                          {rendered, "workingDir", ""},
	"deploy.x-":                            {moot, "", ""},
	"x-":                                   {moot, "x-im2: {gpu: true} is resources.limits nvidia.com/gpu: 1", ""},
	"a label that Compose sets for itself": {moot, "", ""},
}

// decide notes and refuses what a service has of the keys that are not rendered.
func (r *renderer) decide(s types.ServiceConfig) {
	all := keys(reflect.ValueOf(s), "")
	for _, key := range sortedKeys(all) {
		d, value := decisions[key], all[key]
		if value.IsZero() || (value.Kind() == reflect.Slice || value.Kind() == reflect.Map) && value.Len() == 0 {
			continue
		}
		switch d.fate {
		case noted:
			r.note(s.Name, key, "%s", d.as)
		case refused:
			n := r.refuse(s.Name, key, d.fix, "%s", d.as)
			if key == "privileged" {
				n.Checks = []string{"privileged", "allowPrivilegeEscalation"}
			}
		case rendered, moot, nested:
		}
	}
	r.namespaces(s)
	if s.Restart == types.RestartPolicyNo || strings.HasPrefix(s.Restart, types.RestartPolicyOnFailure) {
		r.note(s.Name, "restart", "a Deployment always starts a container again that ended")
	}
	if s.Deploy != nil && s.Deploy.Mode != "" && s.Deploy.Mode != "replicated" {
		r.refuse(s.Name, "deploy.mode", "remove it, and set deploy.replicas", "only replicated services are rendered")
	}
}

// namespaces refuses those of the node and of other containers.
func (r *renderer) namespaces(s types.ServiceConfig) {
	modes := map[string]string{"pid": s.Pid, "ipc": s.Ipc, "network_mode": s.NetworkMode}
	for _, key := range sortedKeys(modes) {
		kind, _, shared := strings.Cut(modes[key], ":")
		if kind == "host" || shared {
			r.refuse(s.Name, key, "remove it", "the restricted profile forbids the node's namespaces, and one pod has none of another").Checks = []string{"hostNamespaces"}
		}
	}
}

// keys returns the fields of a service by their keys in the Compose file, and those of nested keys.
func keys(v reflect.Value, prefix string) map[string]reflect.Value {
	all := make(map[string]reflect.Value)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Anonymous:
			maps.Copy(all, keys(v.Field(i), prefix))
			continue
		case key == "#extensions":
			key = "x-"
		case key == "-":
			key = "a label that Compose sets for itself"
		}
		key = prefix + key
		all[key] = v.Field(i)
		if decisions[key].fate == nested && !v.Field(i).IsNil() {
			maps.Copy(all, keys(v.Field(i).Elem(), key+"."))
		}
	}
	return all
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
