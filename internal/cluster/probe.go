package cluster

import (
	"cmp"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
)

// The engine's own values for what a health check does not say, in seconds.
const (
	defaultInterval, defaultTimeout, defaultRetries = 30, 30, 3
)

// probes maps the health check to a readiness probe: a service that fails it is not ready, as an unhealthy container is not healthy, and nothing
// else happens. A liveness or startup probe would end it: a service that says that its share hangs or its disk is full would lose the song
// that it is at, and start again and again. So a start_period has no meaning, either: a pod is not ready before its first success.
func (p *pod) probes() {
	check := p.service.HealthCheck
	if image := p.options.Health[p.service.Name]; check == nil || len(check.Test) == 0 && !check.Disable {
		check = merged(check, image)
	}
	command := testOf(check)
	if command == nil {
		return
	}
	retries := int64(defaultRetries)
	if check.Retries != nil && *check.Retries > 0 && *check.Retries < maxProbe {
		retries = int64(*check.Retries)
	}
	p.container.ReadinessProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
		PeriodSeconds: bounded(secondsOr(check.Interval, defaultInterval)), TimeoutSeconds: bounded(secondsOr(check.Timeout, defaultTimeout)),
		FailureThreshold: bounded(retries),
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
		Test: image.Test, Interval: cmp.Or(check.Interval, image.Interval), Timeout: cmp.Or(check.Timeout, image.Timeout),
		Retries: cmp.Or(check.Retries, image.Retries),
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
