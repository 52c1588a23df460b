// Package proof has a service check itself when it starts, and leave what it found in the data folder.
//
// A container is hardened by those who start it: the Compose file, a manifest of Kubernetes, a person with "docker run". A
// service that was started with more rights than it needs, or with another data folder than the one that is meant, refuses
// to work ([Rights.Check], [CheckID]). Otherwise it leaves a [Proof], one small file for each container, so that one command
// sees every machine that works on the folder, whatever the engine is.
//
// A proof is what a service says of itself: whoever controls a service can forge it. It adds to what can be seen from
// outside, and replaces nothing of it.
package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// The variables that a service reads.
const (
	// Switch is the variable that switches check and proof off where its value is Off: for who runs a service by hand.
	Switch = "IM2_PROOF"
	Off    = "off"
	// DataVariable has the ID that the data folder must have; empty where any will do.
	DataVariable = "IM2_DATA_ID"
	// ProjectVariable, NodeVariable, ImageVariable and EngineVariable say what the service cannot find out.
	ProjectVariable = "IM2_PROJECT"
	NodeVariable    = "IM2_NODE"
	ImageVariable   = "IM2_IMAGE"
	EngineVariable  = "IM2_ENGINE"
)

// Version is the version of the form of proofs.
const Version = 1

// mostText is how many bytes a text of a proof may have, and mostBytes a whole one.
const (
	mostText  = 512
	mostBytes = 16 << 10
)

// A Proof is what a service found out about itself, as it is written in the data folder.
type Proof struct {
	// Version is that of the form.
	Version int `json:"version"`
	// Service is the name of the program, and Program its version.
	Service string `json:"service"`
	Program string `json:"program"`
	// Host is the host name of the container, which tells the replicas of a service apart.
	Host string `json:"host"`
	// Project is the name of the Compose project or of the cluster, Engine "compose" or "kubernetes", Node the machine and
	// Image the image with its digest, as the service was told; empty where it was not.
	Project string `json:"project"`
	Engine  string `json:"engine"`
	Node    string `json:"node"`
	Image   string `json:"image"`
	// Data is the ID of the data folder; empty for one that has none.
	Data string `json:"data"`
	// Started is when the service started, by the clock of its machine.
	Started time.Time `json:"started"`
	// Rights are what the kernel says.
	Rights Rights `json:"rights"`
}

// Compose and Kubernetes are values of Proof.Engine.
const (
	Compose    = "compose"
	Kubernetes = "kubernetes"
)

// New is the proof of a service that starts now. get reads a variable of its environment.
func New(service, program, host, data string, rights Rights, get func(string) string) Proof {
	return Proof{
		Version: Version, Service: service, Program: program, Host: host, Data: data, Engine: short(Engine(get)),
		Project: short(get(ProjectVariable)), Node: short(get(NodeVariable)), Image: short(get(ImageVariable)),
		Started: time.Now().UTC().Truncate(time.Second), Rights: rights,
	}
}

// Engine is what started this service: what it was told, or what its environment shows.
func Engine(get func(string) string) string {
	if engine := get(EngineVariable); engine != "" {
		return engine
	}
	if get("KUBERNETES_SERVICE_HOST") != "" { // the kubelet sets it in every pod
		return Kubernetes
	}
	return Compose
}

// starts are the commands that start a service again with what its project says now, and where it is already. They are
// for who reads the log of a service on engine.
func starts(engine string) (up, restart string) {
	if engine == Kubernetes {
		return "mage cluster-up", "mage cluster-up"
	}
	return "mage up", "mage restart"
}

func short(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), mostText)], "?")
}

// names is what services are called.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,62}$`)

// parse reads a proof. One that has fields that are not known, or none of those that are needed, is an error.
func parse(text []byte) (p Proof, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Proof{}, fmt.Errorf("it is no proof: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Proof{}, errors.New("it is no proof: there is something behind it")
	}
	if p.Version != Version {
		return Proof{}, fmt.Errorf("its version is %d, and %d is known", p.Version, Version)
	}
	for _, text := range []string{p.Program, p.Host, p.Project, p.Engine, p.Node, p.Image, p.Data} {
		if len(text) > mostText {
			return Proof{}, fmt.Errorf("a text of it has %d bytes, more than %d", len(text), mostText)
		}
	}
	if !names.MatchString(p.Service) || p.Host == "" {
		return Proof{}, errors.New("it does not say which service it is of")
	}
	return p, nil
}

// unusual is what is replaced in the name of a file.
var unusual = regexp.MustCompile(`[^A-Za-z0-9.-]`)

// file is the name of the file of a proof: one for each container.
func (p Proof) file() string {
	return p.Service + "-" + unusual.ReplaceAllString(p.Host[:min(len(p.Host), 100)], "_") + suffix
}
