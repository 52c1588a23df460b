package cluster_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/cluster"
)

// compact is YAML without indents and line feeds, so that cases stay short.
func compact(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// Each case is a service, or a whole file, with what must and what must not be in the manifests, and in the notes.
func TestFields(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	for name, c := range map[string]struct {
		service, file   string
		want, not, said []string
	}{
		"entrypoint and command": {
			service: `entrypoint: [a, "$$HOME"], command: [b, "$$(id)"]`,
			want:    []string{"command: - a - $$HOME", "args: - b - $$(id)"},
		},
		"only a command":    {service: `command: [b]`, want: []string{"args: - b"}, not: []string{" command:"}},
		"no entrypoint":     {service: `entrypoint: [], command: [b]`, want: []string{"command: - b"}, not: []string{"args:"}},
		"environment":       {service: `environment: {A: "1", B: "x$$y", C: null, D: ""}`, want: []string{`- name: A value: "1" - name: B value: x$$y - name: D `}, not: []string{"name: C"}},
		"working folder":    {service: `working_dir: /srv, tty: true, stdin_open: true`, want: []string{"workingDir: /srv", "tty: true", "stdin: true"}},
		"memory and cpus":   {service: `mem_limit: 2g, mem_reservation: 512m, cpus: 1.5`, want: []string{"limits: cpu: 1500m memory: 2Gi requests: memory: 512Mi"}},
		"deploy.resources":  {service: `deploy: {resources: {limits: {memory: 1g, cpus: "0.5"}, reservations: {memory: 1g, cpus: "0.25"}}}`, want: []string{"limits: cpu: 500m memory: 1Gi requests: cpu: 250m memory: 1Gi"}},
		"grace":             {service: `stop_grace_period: 90s`, want: []string{"terminationGracePeriodSeconds: 90"}},
		"default grace":     {service: `restart: always`, want: []string{"terminationGracePeriodSeconds: 10"}},
		"half a second":     {service: `stop_grace_period: 500ms`, want: []string{"terminationGracePeriodSeconds: 1 "}},
		"groups":            {service: `group_add: ["20", "4"]`, want: []string{"supplementalGroups: - 4 - 20 "}},
		"tmpfs":             {service: `tmpfs: ["/tmp:size=64m,noexec", /run]`, want: []string{"emptyDir: medium: Memory sizeLimit: 64Mi name: tmp", "emptyDir: medium: Memory name: run"}, said: []string{"services.web.tmpfs: programs can be started from /tmp"}},
		"tmpfs, long":       {service: `volumes: [{type: tmpfs, target: /tmp, tmpfs: {size: 1048576}}]`, want: []string{"medium: Memory sizeLimit: 1Mi name: tmp"}},
		"shared memory":     {service: `shm_size: 1g`, want: []string{"mountPath: /dev/shm", "sizeLimit: 1Gi"}},
		"an unnamed volume": {service: `volumes: [/cache]`, want: []string{"emptyDir: {} name: cache"}, not: []string{"PersistentVolumeClaim"}},
		"health check": {
			service: `healthcheck: {test: [CMD, a, b], interval: 5s, timeout: 1500ms, retries: 4, start_period: 31s, start_interval: 2s}`,
			want:    []string{"readinessProbe: exec: command: - a - b failureThreshold: 4 periodSeconds: 5 timeoutSeconds: 2"},
			not:     []string{"livenessProbe", "startupProbe"},
		},
		"health check of a shell": {service: `healthcheck: {test: "a && b"}`, want: []string{"command: - /bin/sh - -c - a && b failureThreshold: 3 periodSeconds: 30 timeoutSeconds: 30"}, not: []string{"startupProbe"}},
		"no health check":         {service: `healthcheck: {disable: true}`, not: []string{"Probe"}},
		"host names":              {service: `hostname: me, extra_hosts: ["db:10.0.0.1", "up:host-gateway"]`, want: []string{"hostname: me", "hostAliases: - hostnames: - db ip: 10.0.0.1"}, not: []string{"- up"}, said: []string{"extra_hosts: up is not set"}},
		"platform":                {service: `platform: linux/arm64/v8`, want: []string{"nodeSelector: kubernetes.io/arch: arm64 kubernetes.io/os: linux"}},
		"one starts first":        {service: `scale: 4, deploy: {update_config: {order: start-first, parallelism: 2}}`, want: []string{"replicas: 4", "maxSurge: 2 maxUnavailable: 0"}},
		"one ends first":          {service: `scale: 2`, want: []string{"maxSurge: 0 maxUnavailable: 1"}},
		"notes":                   {service: `init: true, depends_on: {}, ulimits: {nofile: 9}, restart: "no"`, said: []string{"web.init: a pod has no init", "web.ulimits:", "web.restart: a Deployment always"}},
		"no network":              {service: `network_mode: none, ports: ["80:80"]`, want: []string{"podSelector: matchLabels: app.kubernetes.io/name: one policyTypes: - Ingress - Egress"}, not: []string{"kind: Service", "name: network-"}},
		"published": {
			service: `ports: ["127.0.0.1:8080:80", "8443:443", "53:53/udp"]`,
			want:    []string{"name: web-published", "name: p8080-tcp port: 8080 protocol: TCP targetPort: 80", "name: p53-udp port: 53 protocol: UDP", "ingress: - ports: - port: 443 protocol: TCP - port: 53 protocol: UDP podSelector"},
			said:    []string{"ports.0: kubectl -n one port-forward service/web-published 8080 alone"},
		},
		"a webhook": {
			service: `environment: {NOTIFY_URL: "https://hooks.example.com/s3cret", OTHER: "1"}`,
			want:    []string{"- name: NOTIFY_URL valueFrom: secretKeyRef: key: NOTIFY_URL name: web-notify", `- name: OTHER value: "1"`},
			not:     []string{"s3cret"},
			said:    []string{"environment.NOTIFY_URL: the Secret web-notify is not created: kubectl -n one create secret generic web-notify --from-literal=NOTIFY_URL=ADDRESS"},
		},
		"no webhook": {service: `environment: {NOTIFY_URL: ""}`, not: []string{"secretKeyRef"}},
		"GPUs": {
			service: `deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 2, capabilities: [gpu, utility, graphics]}]}}}`,
			want:    []string{`limits: nvidia.com/gpu: "2"`, "name: NVIDIA_DRIVER_CAPABILITIES value: utility,graphics", "runAsNonRoot: true", "effect: NoSchedule key: nvidia.com/gpu"},
		},
		"a GPU of x-im2": {service: `x-im2: {gpu: true}`, want: []string{`limits: nvidia.com/gpu: "1"`}},
		"no GPU":         {service: `x-im2: {gpu: false}`, not: []string{"nvidia"}},
		"shared folders": {
			file: `services:
  a: {image: x, user: "1:1", volumes: ["./data:/data", "./data/models/m:/m:ro"]}
  b: {image: x, user: "1:1", volumes: ["./data/in:/in"]}
  c: {image: x, user: "1:1", volumes: ["./conf:/conf"]}`,
			want: []string{
				"mountPath: /data name: data - mountPath: /m name: data readOnly: true subPath: models/m", "mountPath: /in name: data subPath: in", "mountPath: /conf name: conf",
				"name: data namespace: one spec: accessModes: - ReadWriteMany", "claimName: data", "claimName: conf",
			},
			not: []string{"claimName: in", "RollingUpdate type: Recreate"},
		},
		"volumes": {
			file: `services:
  a: {image: x, user: "1:1", volumes: ["alone:/a", "both:/b", "there:/t"]}
  b: {image: x, user: "1:1", volumes: ["both:/b"]}
volumes: {alone: {}, both: {}, there: {external: true, name: existing}, unused: {}}`,
			want: []string{
				"name: alone namespace: one spec: accessModes: - ReadWriteOnce", "name: both namespace: one spec: accessModes: - ReadWriteMany",
				"claimName: existing", "strategy: type: Recreate",
			},
			said: []string{"services.a.volumes.0: it has to be writable for the service", "services.a.volumes.0: it begins empty: the engine copies into it what the image has at /a"},
			not:  []string{"name: existing namespace", "unused", "fsGroup"},
		},
		"a volume of one pod": {
			file: "services: {a: {image: x, user: \"1:2\", volumes: [{type: volume, source: v, target: /v, volume: {nocopy: true}}]}}\nvolumes: {v: {}}",
			want: []string{"securityContext: fsGroup: 2 fsGroupChangePolicy: OnRootMismatch runAsGroup: 2"},
		},
		"an NFS share": {
			file: "x-im2: {data: ./data, storage: {nfs: \"files.test:/export/songs\", size: 1Ti}}\nservices: {a: {image: x, user: \"1000:1000\", volumes: [\"./data:/data\"]}}",
			want: []string{
				"kind: PersistentVolume metadata:", "accessModes: - ReadWriteMany capacity: storage: 1Ti claimRef: name: data namespace: one mountOptions: - nfsvers=4.2 - hard nfs: path: /export/songs server: files.test persistentVolumeReclaimPolicy: Retain",
				`storageClassName: "" volumeName: one.data`,
			},
		},
		"a claim that is there": {
			file: "x-im2: {data: ./data, storage: {claim: songs}}\nservices: {a: {image: x, user: \"1000:1000\", volumes: [\"./data/in:/in\"]}}",
			want: []string{"claimName: songs", "subPath: in"}, not: []string{"kind: PersistentVolume"},
		},
		"the proof": {
			file: "x-im2: {data: ./data}\nservices: {a: {image: x, user: \"1000:1000\", environment: {IM2_NODE: here, IM2_DATA_ID: mine}}}",
			want: []string{"- name: IM2_DATA_ID value: mine - name: IM2_ENGINE value: kubernetes - name: IM2_IMAGE value: x - name: IM2_NODE valueFrom: fieldRef: apiVersion: v1 fieldPath: spec.nodeName - name: IM2_PROJECT value: one"},
			not:  []string{"value: here"},
		},
		"secrets and configs": {
			file: `services:
  a: {image: x, user: "1:1", secrets: [s, {source: e, target: other, mode: 0400}], configs: [{source: c, target: /etc/c}]}
secrets: {s: {file: "./a b"}, e: {external: true, name: theirs}}
configs: {c: {content: hello}}`,
			want: []string{
				"mountPath: /run/secrets/s name: file-s readOnly: true subPath: s", "secret: secretName: s", "mountPath: /run/secrets/other", "defaultMode: 292 secretName: theirs",
				"data: c: hello", "mountPath: /etc/c",
			},
			not:  []string{"hunter2"},
			said: []string{"the Secret s is not created: kubectl -n one create secret generic s '--from-file=s=a b'"},
		},
		"networks": {
			file: `services:
  a: {image: x, user: "1:1", networks: [in]}
  b: {image: x, user: "1:1", networks: [in, out]}
  c: {image: x, user: "1:1", network_mode: none}
  d: {image: x, user: "1:1", networks: [unanswered]}
networks: {in: {internal: true}, out: {}, unanswered: {driver_opts: {com.docker.network.bridge.enable_ip_masquerade: "false"}}}`,
			want: []string{
				"name: network-in namespace: one spec: egress: - to: - podSelector: matchExpressions: - key: app.kubernetes.io/component operator: In values: - a - b",
				"kubernetes.io/metadata.name: kube-system", "name: network-out namespace: one spec: egress: - {}", "clusterIP: None",
				"name: network-unanswered namespace: one spec: egress: - to: - podSelector",
			},
			not: []string{"values: - a - b - c"},
		},
		"profiles": {file: `services: {a: {image: x, user: "1:1", profiles: [off]}, b: {image: x, user: "1:1"}}`, not: []string{"name: a "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := c.file
			if file == "" {
				file = `services: {web: {image: x, user: "1000:1000", ` + c.service + `}}`
			}
			r, err := render(t, "name: one\n"+file)
			if err != nil || r.Err() != nil {
				t.Fatal(err, r.Err())
			}
			read(t, r) // strictly
			text, _ := r.YAML()
			for _, want := range c.want {
				if !strings.Contains(compact(string(text))+" ", compact(want)) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			for _, not := range c.not {
				if strings.Contains(compact(string(text))+" ", not) {
					t.Errorf("%q is in\n%s", not, text)
				}
			}
			said := strings.Join(r.Lines(), "\n")
			for _, want := range c.said {
				if !strings.Contains(said, want) {
					t.Errorf("no note says %q:\n%s", want, said)
				}
			}
		})
	}
}

// What the image checks counts where the Compose file has no check, with the times that it does have; and what the caller says of
// images and replicas counts at all.
func TestOptions(t *testing.T) {
	t.Parallel()
	const own = "x-im2: {data: ./data}\nservices: {web: {image: x, user: \"1000:1000\", healthcheck: {timeout: 3s}}}"
	interval := types.Duration(7e9)
	with := func(o *cluster.Options) {
		o.Health = map[string]*types.HealthCheckConfig{"web": {Test: []string{"CMD", "alive"}, Interval: &interval}}
		o.Images = map[string]string{"web": "registry.test/web@sha256:abc"}
		o.Replicas = map[string]int{"web": 7}
		o.DataID = "id-of-data"
	}
	r, err := render(t, own, with)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	d := deployment(t, r, "web")
	c := d.Spec.Template.Spec.Containers[0]
	if *d.Spec.Replicas != 7 || c.Image != "registry.test/web@sha256:abc" || c.ReadinessProbe.PeriodSeconds != 7 || c.ReadinessProbe.TimeoutSeconds != 3 {
		t.Errorf("%+v", d.Spec)
	}
	text, _ := r.YAML()
	if !strings.Contains(compact(string(text)), "name: IM2_DATA_ID value: id-of-data") {
		t.Errorf("no ID of the data folder:\n%s", text)
	}
	again, err := render(t, own, with)
	if err != nil || again.Namespace == r.Namespace && again.Model != r.Model {
		t.Errorf("the same project has another hash: %v", err)
	}
}

// What x-im2 says of storage is refused where it cannot be meant.
func TestStorageThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	const two = `services: {a: {image: x, user: "1000:1000", volumes: ["./data:/d", "./conf:/c"]}}`
	for storage, want := range map[string]string{
		`{class: no_name}`:       `storage.class "no_name" can be no name there`,
		`{size: much}`:           `storage.size "much" is no size; fix: write one such as 100Gi`,
		`{size: "-1Gi"}`:         "is no size",
		`{claim: songs}`:         "names one folder, and services share 2: data, conf; fix:",
		`{nfs: "files.test:/x"}`: "names one folder, and services share 2",
	} {
		if _, err := render(t, "x-im2: {data: ./data, storage: "+storage+"}\n"+two); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", storage, err, want)
		}
	}
}
