//go:build !unix

package render

// noWait is nothing where there are no FIFOs.
const noWait = 0
