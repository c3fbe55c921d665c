package brain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// sketchVersion changes with the way that sketches are made.
const sketchVersion = 2

// Space names the sketches that can be compared with each other: those of
// brains with the same rarities. A sketch that was kept can be looked up in
// another brain of the same space only.
func (b *Brain) Space() string {
	h := sha256.New()
	h.Write([]byte(strconv.Itoa(sketchVersion) + " " + strconv.Itoa(dims) + "\n"))
	h.Write(b.codes)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Sketch returns the sketch of a prompt, from which it can't be read back, as
// bytes that CaseOf takes.
func (b *Brain) Sketch(prompt string) []byte {
	var buffer [dims]int8
	sketch(prompt, b.rarity, buffer[:])
	kept := make([]byte, dims)
	for i, v := range buffer {
		kept[i] = byte(v)
	}
	return kept
}

// CaseOf begins a request of which only the sketch was kept, which has to be
// of this brain's space.
func (b *Brain) CaseOf(kept []byte, seats []Seat) (*Case, error) {
	if len(kept) != dims {
		return nil, fmt.Errorf("brain: a sketch of %d bytes, want %d", len(kept), dims)
	}
	var buffer [dims]int8
	for i, v := range kept {
		buffer[i] = int8(v)
	}
	return b.caseOf(buffer[:], seats), nil
}

// Kept returns the sketch of the request's prompt.
func (c *Case) Kept() []byte { return c.kept }
