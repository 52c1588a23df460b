package nonroot_test

import "testing"

// TestWaysToRoot are those that a Compose file opens to a user that is not root.
func TestWaysToRoot(t *testing.T) {
	t.Parallel()
	service := func(keys string) string {
		return "services:\n  web:\n    image: good:1\n    user: \"1000:1000\"\n    " + keys + "\n"
	}
	for name, c := range map[string]struct{ compose, want string }{
		"a socket":                       {service("volumes: [\"/var/run/docker.sock:/s\"]"), "C04 warning docker-compose.yml:5"},
		"another runtime's":              {service("volumes: [\"/x/y/crio.sock:/s\"]"), "C04 warning docker-compose.yml:5"},
		"the builder's":                  {service("volumes: [\"/run/buildkit:/s\"]"), "C04 warning docker-compose.yml:5"},
		"a folder above":                 {service("volumes: [\"/var/run:/s:ro\"]"), "C04 warning docker-compose.yml:5"},
		"the root of the machine":        {service("volumes: [\"/:/host\"]"), "C04 warning docker-compose.yml:5"},
		"a folder beside":                {service("volumes: [\"/run/dockers:/s\"]"), ""},
		"a volume that is bound":         {service("volumes: [\"vol:/s\"]\nvolumes: {vol: {driver_opts: {type: none, o: bind, device: /run}}}"), "C04 warning docker-compose.yml:5"},
		"a volume":                       {service("volumes: [\"vol:/s\"]\nvolumes: {vol: {}}"), ""},
		"what another service has":       {service("volumes_from: [other:ro]\n  other: {image: \"good:1\", volumes: [\"/run:/s\"]}"), "C04 warning docker-compose.yml:5\nC04 warning docker-compose.yml:6"},
		"what another container has":     {service("volumes_from: [\"container:x\"]"), "C04 warning docker-compose.yml:5"},
		"what is lent through another":   {service("volumes_from: [b]\n  b: {image: \"good:1\", volumes_from: [c]}\n  c: {image: \"good:1\", volumes: [\"/run:/s\"]}"), "C04 warning docker-compose.yml:5\nC04 warning docker-compose.yml:6\nC04 warning docker-compose.yml:7"},
		"lent from a container":          {service("volumes_from: [b]\n  b: {image: \"good:1\", volumes_from: [\"container:x\"]}"), "C04 warning docker-compose.yml:5\nC04 warning docker-compose.yml:6"},
		"a secret that is a socket":      {service("secrets: [s]\nsecrets: {s: {file: /run/docker.sock}}"), "C04 warning docker-compose.yml:5"},
		"a config that is one":           {service("configs: [s]\nconfigs: {s: {file: /var/run/containerd/containerd.sock}}"), "C04 warning docker-compose.yml:5"},
		"a secret that is lent":          {service("volumes_from: [b]\n  b: {image: \"good:1\", secrets: [s]}\nsecrets: {s: {file: /run/docker.sock}}"), "C04 warning docker-compose.yml:5\nC04 warning docker-compose.yml:6"},
		"a secret that is none":          {service("secrets: [s]\nsecrets: {s: {file: ./key}}"), ""},
		"another container's processes":  {service("pid: \"container:x\""), "C04 warning docker-compose.yml:5"},
		"the host's cgroups":             {service("cgroup: host"), "C04 warning docker-compose.yml:5"},
		"kernel paths":                   {service("security_opt: [systempaths=unconfined]"), "C04 warning docker-compose.yml:5"},
		"a disk":                         {service("devices: [\"/dev/sda:/dev/x\"]"), "C04 warning docker-compose.yml:5"},
		"a part of one":                  {service("devices: [/dev/nvme0n1p2]"), "C04 warning docker-compose.yml:5"},
		"a mapped one":                   {service("devices: [/dev/mapper/home]"), "C04 warning docker-compose.yml:5"},
		"the memory":                     {service("devices: [/dev/mem]"), "C04 warning docker-compose.yml:5"},
		"all devices":                    {service("devices: [/dev]"), "C04 warning docker-compose.yml:5"},
		"a disk by its number":           {service("devices: [\"/dev/block/8:0\"]"), "C04 warning docker-compose.yml:5"},
		"a disk's controller":            {service("devices: [/dev/nvme0]"), "C04 warning docker-compose.yml:5"},
		"the processor":                  {service("devices: [/dev/cpu/0/msr]"), "C04 warning docker-compose.yml:5"},
		"the keyboard":                   {service("devices: [/dev/uinput]"), "C04 warning docker-compose.yml:5"},
		"a rule for the keyboard":        {service("device_cgroup_rules: [\"c 10:223 rw\"]"), "C04 warning docker-compose.yml:5"},
		"a user's sockets":               {service("volumes: [\"/run/user/1000:/s\"]"), "C04 warning docker-compose.yml:5"},
		"the sound of a user":            {service("volumes: [\"/run/user/1000/pulse:/s\"]"), ""},
		"a sound card":                   {service("devices: [/dev/snd, /dev/dri/renderD128, /dev/ttyUSB0]"), ""},
		"a rule for everything":          {service("device_cgroup_rules: [\"a *:* rwm\"]"), "C04 warning docker-compose.yml:5"},
		"a rule for disks":               {service("device_cgroup_rules: [\"b 8:* rmw\"]"), "C04 warning docker-compose.yml:5"},
		"a rule for memory":              {service("device_cgroup_rules: [\"c 1:1 r\"]"), "C04 warning docker-compose.yml:5"},
		"a rule for all of memory's":     {service("device_cgroup_rules: [\"c 1:* rwm\"]"), "C04 warning docker-compose.yml:5"},
		"a rule for USB":                 {service("device_cgroup_rules: [\"c 189:* rmw\", \"c 1:11 r\"]"), ""},
		"root's group":                   {service("group_add: [\"0\"]"), "C17 note docker-compose.yml:5"},
		"the engine's":                   {service("group_add: [docker]"), "C17 note docker-compose.yml:5"},
		"the disks', by number":          {service("group_add: [\"6\"]"), "C17 note docker-compose.yml:5"},
		"one of its own":                 {service("group_add: [\"1001\", audio]"), ""},
		"a name in root's group":         {"services: {web: {image: \"good:1\", user: \"app:root\"}}\n", "C15 note docker-compose.yml:1"},
		"a number in the group of disks": {"services: {web: {image: \"good:1\", user: \"1000:disk\"}}\n", "C17 note docker-compose.yml:1"},
		"a number in sudo's":             {"services: {web: {image: \"good:1\", user: \"1000:27\"}}\n", "C17 note docker-compose.yml:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := open(t, write(t, map[string]string{"docker-compose.yml": c.compose}))
			in.Image = images
			if got := show(in.audit(t), "C04", "C15", "C17"); !sameLines(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestGroupsOfDockerfiles are those with which a USER runs that is not root.
func TestGroupsOfDockerfiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"FROM root:1\nUSER 1000:0\n":                              "D03 note Dockerfile:2",
		"FROM root:1\nRUN useradd -u 1000 app\nUSER app:root\n":   "D03 note Dockerfile:3",
		"FROM root:1\nRUN useradd -u 1000 -g 0 app\nUSER app\n":   "D03 note Dockerfile:3",
		"FROM root:1\nRUN useradd -u 1000 app\nUSER app:docker\n": "C17 note Dockerfile:3",
		"FROM root:1\nUSER 1000:shadow\n":                         "C17 note Dockerfile:2",
		"FROM root:1\nUSER 1000:42\n":                             "C17 note Dockerfile:2",
		"FROM root:1\nRUN useradd -u 1000 -g 7 app\nUSER app\n":   "",
	} {
		in := open(t, write(t, map[string]string{"docker-compose.yml": "services: {web: {build: .}}\n", "Dockerfile": text}))
		in.Image = images
		if got := show(in.audit(t), "D01", "D03", "C17"); got != want {
			t.Errorf("%q: got\n%s\nwant\n%s", text, got, want)
		}
	}
}
