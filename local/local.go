// Package local is the bridge between talking and computing: a model file
// becomes a member that answers, with its vocabulary and its chat template.
package local
