// Package thorough tells tests how much to do. "go test ./..." is for every minute: attacks, random schedules and
// large trees do what finds a fault that is there. "mage test" and the gate do many times as much.
package thorough

import "os"

// Var is the variable of the environment that "mage test" sets to 1.
const Var = "IM2_THOROUGH"

// Of returns all where much is asked for, and few elsewhere: rounds, files, levels.
func Of(all, few int) int {
	if os.Getenv(Var) == "1" {
		return all
	}
	return few
}
