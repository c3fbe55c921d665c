//go:build !race

package summit_test

const raceDetector = false
