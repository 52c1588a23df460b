//go:build race

package htdemucs_test

const raceDetector = true
