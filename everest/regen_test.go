package everest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "learn the gate and make the test sets anew")

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		gateFile = LearnGate(GateOptions{}).Bytes()
		must(os.WriteFile("weights/gate.bin", gateFile, 0o644))
		for _, s := range Skills() {
			must(os.WriteFile("test/"+s.Name+".jsonl", testFile(s), 0o644))
		}
	}
	os.Exit(m.Run())
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func testFile(s *Skill) []byte {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	for _, q := range makeTests(s) {
		must(lines.Encode(q))
	}
	return b.Bytes()
}

// TestSetsAreFrozen: they are what the generators make, and only that.
func TestSetsAreFrozen(t *testing.T) {
	for _, s := range Skills() {
		want, err := testFiles.ReadFile("test/" + s.Name + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			want, _ = os.ReadFile("test/" + s.Name + ".jsonl")
		}
		if !bytes.Equal(testFile(s), want) {
			t.Errorf("test/%s.jsonl is not what the generator makes", s.Name)
		}
	}
}
