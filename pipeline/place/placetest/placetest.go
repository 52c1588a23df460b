// Package placetest tests that what opens a folder, where services can exchange it, does not wait for what they put there.
package placetest
