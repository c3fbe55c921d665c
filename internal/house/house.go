// Package house holds the test that keeps ARCHITECTURE.md true. It has no
// code of its own.
package house
