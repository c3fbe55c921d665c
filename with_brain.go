package summit

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"summit/brain"
)

// openBrain reads the brain that the configuration names; nil = it names
// none. A brain that knows nobody here is of no use, and says so.
func openBrain(c Brain, members []string, warn func(string)) (*brain.Brain, error) {
	if c.File == "" {
		return nil, nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, &NotReadyError{fmt.Errorf("summit: brain.file: %w", err), `"summit brain train" makes one; without brain.file Summit works too`}
	}
	defer f.Close()
	b, err := brain.Read(f)
	if err != nil {
		return nil, &NotReadyError{fmt.Errorf("summit: brain.file: %s: %w", c.File, err), `"summit brain train" makes a new one`}
	}
	strangers := slices.DeleteFunc(slices.Clone(members), b.Knows)
	switch {
	case len(strangers) == len(members):
		warn(fmt.Sprintf("brain.file: %s knows none of the members here; train it on recordings in which they have the same names", c.File))
	case len(strangers) > 0:
		warn(fmt.Sprintf("brain.file: %s does not know %s: they are trusted a little less than the known ones of their cost", c.File, strings.Join(strangers, ", ")))
	}
	return b, nil
}

// sameBrain reports whether both are the same to the byte.
func sameBrain(a, b *brain.Brain) bool {
	if a == nil || b == nil {
		return a == b
	}
	var files [2]bytes.Buffer
	for i, one := range []*brain.Brain{a, b} {
		if one.Write(&files[i]) != nil {
			return false
		}
	}
	return bytes.Equal(files[0].Bytes(), files[1].Bytes())
}
