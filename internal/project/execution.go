package project

import (
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/execution"
)

// ExecutionSettings are the settings of how a separation is computed.
func ExecutionSettings() []string { return []string{DemucsProvider, DemucsMemory, DemucsThreads} }

// CheckExecution returns an error where the worker would refuse one of ExecutionSettings; nil for
// any other setting. Its exit code is exit.Unusable.
func (s Setting) CheckExecution() error {
	var err error
	switch s.Name {
	case DemucsProvider:
		err = execution.CheckProvider(s.Value)
	case DemucsMemory:
		err = execution.CheckMemory(s.Value)
	case DemucsThreads:
		_, err = execution.ParseThreads(s.Value)
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "%s is %q in %s: %w; fix: correct it there, or remove the line", s.Name, s.Value, s.Where(), err)
	}
	return nil
}
