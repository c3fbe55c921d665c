//go:build race

package summit_test

const raceDetector = true
