package everest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"unicode/utf8"
)

// maxMixed is how many characters a mixed text may have: the specialists see
// 128 tokens, a little more than a token a character.
const maxMixed = 110

// Mixed writes n texts that change their subject, as JSON lines of messages:
// two questions of two skills' test sets, and the two answers. A model that
// reads answers must follow the change; no single specialist can. Poems have
// no reference and are left out. The same number gives the same bytes.
func Mixed(w io.Writer, n int) error {
	if n < 0 || n > 10000 {
		return fmt.Errorf("everest: mixed: %d texts, want 0 to 10000", n)
	}
	var sets [][]Question
	for _, s := range skills {
		if s.Make == nil {
			continue
		}
		t, err := Tests(s.Name)
		if err != nil {
			return err
		}
		sets = append(sets, t)
	}
	r := rand.New(rand.NewPCG(20261126, 0x6d69786564)) // "mixed"
	out := bufio.NewWriter(w)
	for n > 0 {
		i, j := r.IntN(len(sets)), r.IntN(len(sets)-1)
		if j >= i {
			j++
		}
		x, y := sets[i][r.IntN(len(sets[i]))], sets[j][r.IntN(len(sets[j]))]
		question, answer := x.Text+"\n"+y.Text, x.Reference+"\n"+y.Reference
		if utf8.RuneCountInString(question+answer) > maxMixed {
			continue
		}
		line, err := json.Marshal(struct {
			Messages []message `json:"messages"`
		}{[]message{{"user", question}, {"assistant", answer}}})
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
		n--
	}
	return out.Flush()
}
