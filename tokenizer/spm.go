package tokenizer

import "math"

// scoreKey orders SentencePiece's scores, the highest first: floats as
// integers whose order is theirs, turned round.
func scoreKey(score float32) uint32 {
	if score == 0 {
		score = 0 // -0 is 0
	}
	b := math.Float32bits(score)
	if b>>31 != 0 {
		b = ^b
	} else {
		b |= 1 << 31
	}
	return ^b
}
