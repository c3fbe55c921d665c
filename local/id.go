package local

import "crypto/rand"

// callID makes an id for a call of a model that gives none.
func callID() string { return "call_" + rand.Text() }
