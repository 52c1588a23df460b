// Package lease has the times by which services that share a data folder tell one that was lost from one that is slow, and
// the settings for them.
package lease

import (
	"errors"
	"fmt"
	"time"
)

// The settings. Empty is the default.
const (
	PollSetting  = "PIPELINE_POLL"
	LeaseSetting = "PIPELINE_LEASE"
	RenewSetting = "PIPELINE_RENEW"
)

// Times are those of a lease. All who share a data folder must have the same.
type Times struct {
	// Lease is how long a lease lasts that is not renewed.
	Lease time.Duration
	// Renew is how often it is renewed: often enough to show progress, and for a lease to last through a stall.
	Renew time.Duration
}

// Default are the times where nothing is set.
var Default = Times{Lease: time.Minute, Renew: 4 * time.Second}

// leastRenewals is how often a lease is renewed at least while it lasts.
const leastRenewals = 3

// Check returns why leases with these times would be taken from workers that live.
func (t Times) Check() error {
	if t.Renew <= 0 {
		return fmt.Errorf("a lease cannot be renewed every %s", t.Renew)
	}
	if t.Lease/leastRenewals < t.Renew {
		return fmt.Errorf("a lease of %s that is renewed every %s would be taken from workers that are only slow: it must last for at least %d renewals, %s",
			t.Lease, t.Renew, leastRenewals, leastRenewals*t.Renew)
	}
	return nil
}

// longestPoll is a third of how old a service's heartbeat may be, which is renewed on each turn.
const longestPoll = 10 * time.Second

// CheckPoll returns why no service can look for work that often.
func CheckPoll(poll time.Duration) error {
	if poll <= 0 {
		return errors.New("it must be more than zero")
	}
	if poll > longestPoll {
		return fmt.Errorf("it must be at most %s, or the health check takes the service for one that hangs", longestPoll)
	}
	return nil
}

// Parse reads the value of a setting, and returns value for an empty one.
func Parse(text string, value time.Duration) (time.Duration, error) {
	if text == "" {
		return value, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("it must be a time such as 90s or 500ms")
	}
	return d, nil
}
