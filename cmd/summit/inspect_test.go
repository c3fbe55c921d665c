package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// modelFolder writes a safetensors model of one tensor.
func modelFolder(t *testing.T, config string, offset int) string {
	t.Helper()
	dir := t.TempDir()
	header := `{"a.0.w":{"dtype":"F32","shape":[2],"data_offsets":[0,` + string('0'+rune(offset)) + `]}}`
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(append(b, header...), make([]byte, 8)...)
	for name, data := range map[string][]byte{"config.json": []byte(config), "model.safetensors": b} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func inspected(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), &app{out: &o, err: &e}, append([]string{"inspect"}, args...))
	return code, o.String(), e.String()
}

// A file that is whole but that nothing here can run is shown with the
// reason; a damaged one is refused by the name of its tensor.
func TestInspectStrangers(t *testing.T) {
	dir := modelFolder(t, `{"model_type":"nosuch\u001b[2J","hidden_size":64,"rope":{"factor":4}}`, 8)
	code, out, errs := inspected(t, dir)
	for _, want := range []string{"does not run", `nosuch`, "hidden_size  64", "a.0.w  F32  2  1 of  8 B", "safetensors"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if code != 0 || errs != "" || strings.Contains(out, "\x1b") {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
	code, out, _ = inspected(t, dir, "-o", "json")
	var i inspection
	if err := json.Unmarshal([]byte(out), &i); err != nil || code != 0 || i.Problem == "" || i.Model != nil || i.Tensors[0].Name != "a.0.w" {
		t.Errorf("%v, %d, %+v", err, code, i)
	}
	code, _, errs = inspected(t, modelFolder(t, `{}`, 9))
	if code != exitFailed || !strings.Contains(errs, `tensor "a.0.w": data_offsets [0 9]`) {
		t.Errorf("a damaged file: %d, %s", code, errs)
	}
}

func TestBrief(t *testing.T) {
	f := func(v any, want string) {
		t.Helper()
		b, err := json.Marshal(brief(v))
		if err != nil || string(b) != want {
			t.Errorf("brief(%v) = %s, %v; want %s", v, b, err, want)
		}
	}
	f(uint32(7), "7")
	f(float32(0.5), "0.5")
	f(math.Inf(1), `"+Inf"`)
	f([]float32{float32(math.NaN())}, `"[NaN]"`)
	f(make([]int32, 99), `"list of 99 x int32"`)
	f([]uint8{1, 2}, "[1,2]")
	f([]string{"a"}, `["a"]`)
	f(strings.Repeat("字", 201), `"`+strings.Repeat("字", 200)+`... (603 bytes)"`)
	f(nil, "null")
}
