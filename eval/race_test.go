//go:build race

package eval

const underRace = true
