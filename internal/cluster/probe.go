package cluster

import (
	"cmp"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
)

// The engine's own values for what a health check does not say, in seconds.
const (
	defaultInterval, defaultTimeout, defaultRetries = 30, 30, 3
	defaultStartInterval                            = 5
	// patience is how many times as often as Compose's retries a probe must fail until the container is restarted. Compose only
	// shows that it is unhealthy; a restart costs a worker the song that it is at.
	patience = 3
)

// probes maps the health check: a service that fails it is not ready, as an unhealthy container is not healthy, and is
// restarted if it goes on failing.
func (p *pod) probes() {
	check := p.service.HealthCheck
	if image := p.options.Health[p.service.Name]; check == nil || len(check.Test) == 0 && !check.Disable {
		check = merged(check, image)
	}
	command := testOf(check)
	if command == nil {
		return
	}
	probe := func(period, timeout, failures int64) *corev1.Probe {
		return &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
			PeriodSeconds: bounded(period), TimeoutSeconds: bounded(timeout), FailureThreshold: bounded(failures),
		}
	}
	period, timeout := secondsOr(check.Interval, defaultInterval), secondsOr(check.Timeout, defaultTimeout)
	retries := int64(defaultRetries)
	if check.Retries != nil && *check.Retries > 0 && *check.Retries < maxProbe {
		retries = int64(*check.Retries)
	}
	p.container.ReadinessProbe = probe(period, timeout, retries)
	p.container.LivenessProbe = probe(period, timeout, patience*retries)
	if start := secondsOr(check.StartPeriod, 0); start > 0 {
		every := secondsOr(check.StartInterval, defaultStartInterval)
		p.container.StartupProbe = probe(every, timeout, (start+every-1)/every+retries)
	}
}

// maxProbe bounds the numbers of a probe; a larger one is as good as never.
const maxProbe = 1 << 20

func bounded(n int64) int32 { return int32(min(max(n, 1), maxProbe)) } //nolint:gosec // bounded

func secondsOr(d *types.Duration, otherwise int64) int64 {
	if d == nil || *d <= 0 {
		return otherwise
	}
	return seconds(*d)
}

// merged is the image's check with what the Compose file says of its times.
func merged(check, image *types.HealthCheckConfig) *types.HealthCheckConfig {
	if check == nil || image == nil {
		return image
	}
	return &types.HealthCheckConfig{
		Test: image.Test, Interval: cmp.Or(check.Interval, image.Interval), Timeout: cmp.Or(check.Timeout, image.Timeout), Retries: cmp.Or(check.Retries, image.Retries),
		StartPeriod: cmp.Or(check.StartPeriod, image.StartPeriod), StartInterval: cmp.Or(check.StartInterval, image.StartInterval),
	}
}

// testOf is the command of a check; nil for none.
func testOf(check *types.HealthCheckConfig) []string {
	if check == nil || check.Disable || len(check.Test) < 2 {
		return nil
	}
	switch check.Test[0] {
	case "CMD":
		return escapeAll(check.Test[1:])
	case "CMD-SHELL":
		return []string{"/bin/sh", "-c", escape(check.Test[1])}
	}
	return nil
}
